"""Working days: the five-day week without the holidays of the Labour Code (ТК РФ, art. 112).

The government moves some days off each year by a decree. Those moves are not known here, so a term that is
counted in working days may end here a day or two before or after it does by the decree.
"""

from collections.abc import Iterator
from datetime import date, timedelta

_HOLIDAYS = frozenset(
    {
        *((1, day) for day in range(1, 9)),
        (2, 23),
        (3, 8),
        (5, 1),
        (5, 9),
        (6, 12),
        (11, 4),
    }
)
_SATURDAY = 5


def is_holiday(day: date) -> bool:
    return (day.month, day.day) in _HOLIDAYS


def is_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and not is_holiday(day)


def working_days_after(start: date, count: int) -> date:
    """The day on which the count of working days is full; the day of the start is not counted.

    >>> working_days_after(date(2026, 12, 30), 2)
    datetime.date(2027, 1, 11)
    """
    days = _working_days_from(start)
    return next(day for number, day in enumerate(days, 1) if number == count)


def _working_days_from(start: date) -> Iterator[date]:
    day = start
    while True:
        day += timedelta(days=1)
        if is_working_day(day):
            yield day
