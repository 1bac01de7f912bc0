"""A report's subject beside a patient: what each of both says, whether it is the same, what numbers say of it."""

from dataclasses import dataclass

from domain.numbers import laboratory_numbers, numbers_of
from ledger.proposals import SideBySide
from projections.matching import Proposed


@dataclass(frozen=True, slots=True)
class Compared:
    """`is_same` is None where one of both says nothing; `is_failed`: the report's number is wrong in itself."""

    field: str
    of_report: str | None
    of_patient: str | None
    is_same: bool | None = None
    is_failed: bool = False


def compared(found: SideBySide) -> list[Compared]:
    """The person first, then the numbers."""
    subject, profile, agreement = found.subject, found.profile, found.agreement
    names = (profile.given, profile.patronymic)
    return [
        Compared("family", subject.family or subject.name_text, profile.family, agreement.family),
        Compared(
            "given",
            " ".join(subject.given),
            " ".join(name for name in names if name),
            agreement.given,
        ),
        Compared("birth_date", subject.birth_date, profile.birth_date, agreement.birth_date),
        Compared("sex", subject.sex, profile.sex, agreement.sex),
        *_numbers(found),
    ]


def _numbers(found: SideBySide) -> list[Compared]:
    numbers = numbers_of(found.subject.identifiers)
    lines = []
    for kind, own in (("enp", found.policy), ("snils", found.profile.snils)):
        sent = [number for of, number in numbers.good if of == kind]
        lines.append(
            Compared(
                kind,
                " ".join(sent),
                own,
                is_same=all(number == own for number in sent) if sent and own else None,
                is_failed=kind in numbers.failed and not sent,
            )
        )
    given = " ".join(given.number for given in laboratory_numbers(found.subject.identifiers))
    return [*lines, Compared("laboratory", given, None)]


def said_by_numbers(found: Proposed) -> str:
    """What the numbers in a report say of the patient to whom it is proposed."""
    if found.is_contradicted:
        return "contradict"
    if found.by_number:
        return "lead-to-patient"
    return "check-digit-failed" if found.is_number_failed else "unknown"
