"""Reports drawn by chance from a seed: believable values of made-up patients, and later versions of a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random

from api.sandbox.catalogue import ANTIBIOTICS, CULTURE, PANELS, Choice, Measurable, Panel, Range
from api.sandbox.people import Person
from domain.report_content import ObservationStatus, ReportStatus

LABORATORY = "Лаборатория Песочница"
MOSCOW = timezone(timedelta(hours=3))
# One value in five is unusual: enough to see flags, and not a hospital.
_UNUSUAL_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured value: a decimal as printed, or a choice; neither before it is known or if it was
    cancelled. `flag` is a code of HL7 table 0078."""

    test: Measurable
    status: ObservationStatus
    amount: str | None = None
    comparator: str | None = None
    choice: Choice | None = None
    usual: Range | None = None
    flag: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnReport:
    """One version of a report; the writers put the same facts into each format."""

    person: Person
    panel: Panel
    version: int
    status: ReportStatus
    order_number: str
    report_number: str
    collected_at: datetime
    received_at: datetime
    issued_at: datetime
    findings: tuple[Finding, ...]

    @property
    def message_id(self) -> str:
        """Other for each version: what is sent is another message."""
        return f"{self.report_number}-{self.version}"


def draw(
    random: Random, person: Person, *, now: datetime, number: str, panel: Panel | None = None
) -> DrawnReport:
    """A final report of a panel, by chance unless given. `number` makes its numbers: give another to each."""
    panel = panel or random.choice(PANELS)
    issued = now.astimezone(MOSCOW).replace(microsecond=0) - timedelta(minutes=random.randrange(5, 60))
    received = issued - timedelta(minutes=random.randrange(90, 360))
    return DrawnReport(
        person=person,
        panel=panel,
        version=1,
        status=ReportStatus.FINAL,
        order_number=f"{panel.short}-{number}",
        report_number=f"R-{panel.short}-{number}",
        collected_at=received - timedelta(minutes=random.randrange(30, 120)),
        received_at=received,
        issued_at=issued,
        findings=_culture(random) if panel is CULTURE else _findings(random, panel, person.sex),
    )


def series(
    seed: int, count: int, who: Sequence[Person], *, now: datetime | None = None
) -> tuple[DrawnReport, ...]:
    """Reports about these people in turn, each panel before one comes again. They are of the evening before
    `now`, without it before today: so they come out the same all day, and none is of the future."""
    random = Random(seed)  # noqa: S311 - made-up values, and they must come out the same again
    midnight = (now or datetime.now(UTC)).astimezone(MOSCOW).replace(hour=0, minute=0, second=0)
    return tuple(
        draw(
            random,
            who[index % len(who)],
            now=midnight,
            # With the patient in it: another number of patients must not give one number to two of them.
            number=f"{seed}-{index + 1:04d}-{who[index % len(who)].phone[-4:]}",
            panel=PANELS[index % len(PANELS)],
        )
        for index in range(count)
    )


# Further versions. A laboratory never takes a version back; it sends another.


def preliminary(report: DrawnReport) -> DrawnReport:
    """What was sent before the report was whole: the same numbers, half of the values still to come."""
    half = (len(report.findings) + 1) // 2
    known = [replace(one, status=ObservationStatus.PRELIMINARY) for one in report.findings[:half]]
    return replace(
        report,
        status=ReportStatus.PRELIMINARY,
        issued_at=report.issued_at - timedelta(minutes=45),
        findings=tuple(known),
    )


def finished(report: DrawnReport, before: DrawnReport) -> DrawnReport:
    """The whole report, after its preliminary version."""
    return replace(report, version=before.version + 1)


def corrected(report: DrawnReport) -> DrawnReport:
    """A further version whose first value was wrong."""
    first, *rest = report.findings
    note = "Исправленный результат: предыдущее значение было ошибочным"
    changed = replace(first, status=ObservationStatus.CORRECTED, note=note)
    if first.amount is not None:
        usual = first.usual
        amount = f"{Decimal(first.amount) + Decimal(1).scaleb(-first.test.decimals):.{first.test.decimals}f}"
        changed = replace(changed, amount=amount, flag=_flag(Decimal(amount), usual) if usual else first.flag)
    else:
        others = [one for one in first.test.choices if one != first.choice]
        changed = replace(changed, choice=others[0], flag=None if others[0].is_usual else "A")
    return replace(
        report,
        version=report.version + 1,
        status=ReportStatus.CORRECTED,
        issued_at=report.issued_at + timedelta(hours=2),
        findings=(changed, *rest),
    )


def cancelled(report: DrawnReport) -> DrawnReport:
    """A further version that takes every value back."""
    gone = [
        Finding(test=one.test, status=ObservationStatus.CANCELLED, note="Образец непригоден для исследования")
        for one in report.findings
    ]
    return replace(
        report,
        version=report.version + 1,
        status=ReportStatus.CANCELLED,
        issued_at=report.issued_at + timedelta(hours=3),
        findings=tuple(gone),
    )


# Drawing values


def _findings(random: Random, panel: Panel, sex: str) -> tuple[Finding, ...]:
    return tuple(_finding(random, test, sex) for test in panel.tests)


def _finding(random: Random, test: Measurable, sex: str) -> Finding:
    usual = test.range_for(sex)
    if usual is None:
        choice = (
            random.choice(test.choices[1:])
            if random.random() < _UNUSUAL_SHARE and len(test.choices) > 1
            else test.choices[0]
        )
        return Finding(
            test=test, status=ObservationStatus.FINAL, choice=choice, flag=None if choice.is_usual else "A"
        )
    amount = _amount(random, test, usual)
    flag = _flag(Decimal(amount), usual)
    note = "Рекомендуется консультация врача" if flag != "N" and random.random() < 0.3 else None
    return Finding(
        test=test, status=ObservationStatus.FINAL, amount=amount, usual=usual, flag=flag, note=note
    )


def _amount(random: Random, test: Measurable, usual: Range) -> str:
    """Inside of the range, or up to a quarter of it beyond an end that matters."""
    low = float(usual.low or 0) or float(usual.high or 0) * 0.2
    high = float(usual.high or 0) or low * 2
    width = high - low
    middle, spread = (low + high) / 2, width / 5
    value = min(max(random.gauss(middle, spread), low), high)
    if random.random() < _UNUSUAL_SHARE:
        beyond = width * random.uniform(0.02, 0.25)
        ends = [end for end, matters in ((high + beyond, usual.high), (low - beyond, usual.low)) if matters]
        value = max(random.choice(ends), 0.0)
    return f"{value:.{test.decimals}f}"


def _flag(value: Decimal, usual: Range) -> str:
    if usual.high is not None and value > Decimal(usual.high):
        return "H"
    if usual.low is not None and value < Decimal(usual.low):
        return "L"
    return "N"


def _culture(random: Random) -> tuple[Finding, ...]:
    """An organism, and how two antibiotics act on it (EUCAST: ampicillin S <= 8, ciprofloxacin S <= 0.25)."""
    organism = Finding(
        test=CULTURE.tests[0],
        status=ObservationStatus.FINAL,
        choice=random.choice(CULTURE.tests[0].choices),
        flag="A",
    )
    drawn = [organism]
    for test, limit in zip(ANTIBIOTICS, ("8", "0.25"), strict=True):
        amount = random.choice(("2", "4", "8", "32") if limit == "8" else ("0.125", "0.25", "1", "4"))
        is_susceptible = Decimal(amount) <= Decimal(limit)
        comparator = "<=" if amount in {"2", "0.125"} else None
        drawn.append(
            Finding(
                test=test,
                status=ObservationStatus.FINAL,
                amount=amount,
                comparator=comparator,
                flag="S" if is_susceptible else "R",
            )
        )
    return tuple(drawn)
