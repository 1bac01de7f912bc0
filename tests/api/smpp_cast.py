"""What the tests of SMPP have in common: a message, sending it, and who takes its receipt."""

import asyncio

from api.channels.short_message import Receipt, ReceiptAnswer, ShortMessage, TakeReceipt
from api.channels.smpp import SmppCentre
from api.channels.smpp_session import Centre
from api.outcome import Outcome

SHORT = "Летопись: в вашем кабинете новый документ."


def message(text: str = SHORT, *, reference: str = "n-1", wants_receipt: bool = True) -> ShortMessage:
    return ShortMessage(phone="+79990000001", text=text, reference=reference, wants_receipt=wants_receipt)


def sent(where: Centre, *messages: ShortMessage, take: TakeReceipt | None = None) -> list[Outcome]:
    async def send() -> list[Outcome]:
        provider = SmppCentre(where, take)
        try:
            return await asyncio.gather(*(provider.submit(one) for one in messages))
        finally:
            await provider.close()

    return asyncio.run(send())


class Receipts:
    """Takes receipts as it is told to."""

    def __init__(self, *answers: ReceiptAnswer) -> None:
        self.answers = list(answers)
        self.taken: list[Receipt] = []

    def __call__(self, receipt: Receipt) -> ReceiptAnswer:
        self.taken.append(receipt)
        return self.answers.pop(0) if self.answers else ReceiptAnswer.RECORDED


async def submitted(provider: SmppCentre, *, reference: str = "n-1") -> Outcome:
    return await provider.submit(message(reference=reference))
