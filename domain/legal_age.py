"""Legal age: from which birthday on the law lets somebody decide."""

from datetime import date

# 323-ФЗ art. 22(2) with 54(2): information on health goes to the representatives of those who are younger.
AGE_OF_OWN_DECISION = 15
AGE_OF_OWN_DECISION_ON_DRUGS = 16
# ГК РФ art. 21: representation of a minor ends.
AGE_OF_MAJORITY = 18


def birthday(born: date, age: int) -> date:
    """The day on which somebody is so old; who was born on 29 February, on 1 March (ГК РФ art. 192)."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def is_of_age(birth_date: str, on_date: date) -> bool:
    """Whether who was born on `birth_date`, YYYY-MM-DD, is of age on that day."""
    return birthday(date.fromisoformat(birth_date), AGE_OF_MAJORITY) <= on_date
