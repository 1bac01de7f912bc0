"""SMS by SMPP 3.4: one bind a process, in a thread of its own, which everybody here sends through.

Centres let in few binds of one name, and tell receipts by any of them. So notices and codes share the link: whoever
opens it counts, and with the last it is unbound. It is bound as long as it is open, and anew when the connection ends.
"""

import asyncio
import contextlib
import random
from collections import OrderedDict
from concurrent.futures import Future
from hashlib import sha256
from threading import Lock, Thread
from typing import Any, Final

import structlog

from api.channels import smpp_pdu
from api.channels.gsm import Segments, segments_of
from api.channels.short_message import NUMBER_UNKNOWN, ReceiptAnswer, ShortMessage, TakeReceipt
from api.channels.smpp_pdu import Pdu
from api.channels.smpp_session import Centre, NotBoundError, NotSentError, Session, UnansweredError, bind
from api.metrics import SMS_RECEIPTS
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown, remote_id

_FIRST_BREAK_SECONDS, _LONGEST_BREAK_SECONDS = 1.0, 60.0
_CLOSING_SECONDS: Final = 5.0
# Of one text, all its parts: shorter than the lease of an attempt.
_LONGEST_SECONDS: Final = 90.0
# Of a text in several SMS the later ones wait for a centre that is busy, for the first is on its way.
_BUSY_SECONDS, _BUSY_TRIES = 1.0, 5
# So often a receipt of a number that nobody knows is asked for again: the answer may not be recorded yet.
_UNKNOWN_TRIES: Final = 5
_UNKNOWN_LIMIT: Final = 1000
_BUSY: Final = frozenset({smpp_pdu.THROTTLED, smpp_pdu.QUEUE_FULL})
_FOR_GOOD: Final = {smpp_pdu.NO_SUCH_NUMBER: NUMBER_UNKNOWN, smpp_pdu.MESSAGE_TOO_LONG: "message-too-long"}

log = structlog.get_logger()


class SmppCentre:
    """The provider: a share of the link."""

    def __init__(self, centre: Centre, take_receipt: TakeReceipt | None) -> None:
        self.width = centre.window
        self._link: Link | None = open_link(centre, take_receipt)

    async def submit(self, message: ShortMessage) -> Outcome:
        assert self._link is not None, "it is closed"
        return await asyncio.wrap_future(self._link.submit(message))

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await asyncio.to_thread(release_link, link)


# The links of this process, by centre and whether receipts are taken, and how many have each open.

_links: dict[tuple[Centre, bool], tuple["Link", int]] = {}
_lock = Lock()


def open_link(centre: Centre, take_receipt: TakeReceipt | None) -> "Link":
    """Who waits for no receipts goes with who does, if there is one."""
    with _lock:
        takes = take_receipt is not None or (centre, True) in _links
        link, holders = _links.get((centre, takes), (None, 0))
        if link is None:
            link = Link(centre, take_receipt)
        _links[centre, takes] = link, holders + 1
        return link


def release_link(link: "Link") -> None:
    with _lock:
        key = link.centre, link.takes_receipts
        _, holders = _links.pop(key)
        if holders > 1:
            _links[key] = link, holders - 1
            return
    link.close()


class Link:
    """A thread with the session to one centre, and what was there before and comes after it."""

    def __init__(self, centre: Centre, take_receipt: TakeReceipt | None) -> None:
        self.centre = centre
        self._take_receipt = take_receipt
        self._unknown: OrderedDict[str, int] = OrderedDict()
        self._session: Session | None = None
        # Why there is no session, when there is none.
        self._away = "connection"
        self._loop = asyncio.new_event_loop()
        self._is_closing = asyncio.Event()
        # Whether it is bound, or was tried to be: before that nobody knows whether the centre is there.
        self._was_tried = asyncio.Event()
        self._thread = Thread(target=self._run, name="smpp", daemon=True)
        self._thread.start()

    @property
    def takes_receipts(self) -> bool:
        return self._take_receipt is not None

    def submit(self, message: ShortMessage) -> Future[Outcome]:
        return asyncio.run_coroutine_threadsafe(self._submit(message), self._loop)

    def close(self) -> None:
        """Unbind, and wait for the thread to end."""
        self._loop.call_soon_threadsafe(self._is_closing.set)
        self._thread.join(_CLOSING_SECONDS)

    # In the thread.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._keep_bound())

    async def _keep_bound(self) -> None:
        pause = _FIRST_BREAK_SECONDS
        while not self._is_closing.is_set():
            bound_at = self._loop.time()
            try:
                session = await bind(self.centre, receives=self.takes_receipts)
            except NotBoundError as error:
                log.warning("smpp.not-bound", code=error.code)
                self._away = error.code
                self._was_tried.set()
            else:
                await self._use(session)
            # A centre that lets us in and throws us out at once is left alone as one that is not there.
            if self._loop.time() - bound_at > _LONGEST_BREAK_SECONDS:
                pause = _FIRST_BREAK_SECONDS
            await self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that a crowd spreads
            pause = min(2 * pause, _LONGEST_BREAK_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_closing.wait()

    async def _use(self, session: Session) -> None:
        """Until the connection ends, or the link is closed."""
        self._session = session
        self._was_tried.set()
        running = asyncio.create_task(session.run(self._take_delivered))
        closing = asyncio.create_task(self._is_closing.wait())
        await asyncio.wait((running, closing), return_when=asyncio.FIRST_COMPLETED)
        self._session, self._away = None, "connection"
        if not running.done():
            await session.unbind()
        closing.cancel()
        await running

    async def _submit(self, message: ShortMessage) -> Outcome:
        await self._was_tried.wait()
        session = self._session
        if session is None:
            return RefusedForNow(self._away)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await self._submit_parts(session, message)
        except TimeoutError:
            return Unknown("submit-without-answer")

    async def _submit_parts(self, session: Session, message: ShortMessage) -> Outcome:
        """One after another, so that a refusal finds nothing of the text on its way but for the rarest of times."""
        segments = segments_of(message.text)
        # The same at every try, and rarely the same for two texts to one phone at a time.
        number = sha256(message.reference.encode()).digest()[0]
        outcome: Outcome = HandedOver(None)
        for place, part in enumerate(segments.with_headers(number)):
            is_last = place == len(segments.parts) - 1
            fields = self._fields(message, segments, part, wants_receipt=is_last and message.wants_receipt)
            outcome = await self._submit_part(session, fields, tries=_BUSY_TRIES if place else 1)
            if not isinstance(outcome, HandedOver):
                return Unknown("submit-in-part") if place else outcome
        return outcome

    async def _submit_part(self, session: Session, fields: dict[str, Any], *, tries: int) -> Outcome:
        for again in range(tries):
            if again:
                await self._pause(_BUSY_SECONDS)
            try:
                answer = await session.submit(**fields)
            except NotSentError:
                return RefusedForNow("connection")
            except (UnansweredError, TimeoutError):
                return Unknown("submit-without-answer")
            if answer.status not in _BUSY:
                break
        return self._outcome(answer)

    def _fields(
        self, message: ShortMessage, segments: Segments, part: bytes, *, wants_receipt: bool
    ) -> dict[str, Any]:
        centre = self.centre
        return {
            "service_type": "",
            "source_addr_ton": centre.source_ton,
            "source_addr_npi": centre.source_npi,
            "source_addr": centre.source,
            "dest_addr_ton": centre.destination_ton,
            "dest_addr_npi": centre.destination_npi,
            "destination_addr": message.phone.removeprefix("+"),
            "esm_class": smpp_pdu.HAS_HEADER if segments.is_joined else 0,
            "registered_delivery": int(wants_receipt and self.takes_receipts),
            "data_coding": smpp_pdu.UCS_2 if segments.is_ucs2 else smpp_pdu.GSM_7,
            "short_message": part,
        }

    def _outcome(self, answer: Pdu) -> Outcome:
        if answer.status == smpp_pdu.OK:
            return HandedOver(self._number(smpp_pdu.message_id_of(answer), is_as_answered=True))
        if code := _FOR_GOOD.get(answer.status):
            return RefusedForGood(code)
        # Of the rest none is surely about this message: a wrong setting of ours must not end all that wait.
        return RefusedForNow(f"smpp-{answer.status:x}")

    # Receipts.

    async def _take_delivered(self, pdu: Pdu) -> int:
        """The status to answer with. A receipt is the centre's to keep until it is recorded here."""
        receipt = smpp_pdu.receipt_of(pdu)
        number = self._number(receipt.remote_id, is_as_answered=receipt.is_as_answered) if receipt else None
        if receipt is None or number is None or self._take_receipt is None:
            SMS_RECEIPTS.labels(
                "ignored"
            ).inc()  # a person's answer to us, or of a state that is not the last
            return smpp_pdu.OK
        try:
            taken = await asyncio.to_thread(self._take_receipt, receipt.numbered(number))
        except Exception as error:  # noqa: BLE001 - the link's edge: a receipt that fails must not be the centre's last
            log.error("smpp.receipt-failed", error=type(error).__name__)
            taken = ReceiptAnswer.LATER
        return self._answer_to(number, taken)

    def _answer_to(self, number: str, taken: ReceiptAnswer) -> int:
        if taken is ReceiptAnswer.UNKNOWN:
            tries = self._unknown.pop(number, 0) + 1
            if tries < _UNKNOWN_TRIES:
                self._unknown[number] = tries
                if len(self._unknown) > _UNKNOWN_LIMIT:
                    self._unknown.popitem(last=False)
                return smpp_pdu.TRY_LATER
        else:
            self._unknown.pop(number, None)
        SMS_RECEIPTS.labels(taken).inc()
        return smpp_pdu.TRY_LATER if taken is ReceiptAnswer.LATER else smpp_pdu.OK

    def _number(self, written: str, *, is_as_answered: bool) -> str | None:
        """The message's number in one form, for some centres write it as hexadecimal digits in one place and as
        decimal ones in the other."""
        answered, told = {"hex-then-decimal": (16, 10), "decimal-then-hex": (10, 16)}.get(
            self.centre.message_id, (None, None)
        )
        radix = answered if is_as_answered else told
        if radix is not None:
            with contextlib.suppress(ValueError):
                return remote_id(str(int(written, radix)))
        return remote_id(written) if written else None
