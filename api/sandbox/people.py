"""Made-up Russian patients. Their numbers have right check digits and belong to nobody: they begin with 99."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from domain.values import CheckDigitError, enp, snils

Sex = Literal["male", "female"]

# A man's form; a woman's has an «а» at its end, and of surnames in -ий and -ой the form beside it.
_FAMILIES = (
    "Примеров",
    "Образцов",
    "Учебнов",
    "Пробиркин",
    "Анализов",
    "Тестов",
    "Черновиков",
    "Вымыслов",
    "Показателев",
    "Небылицын",
)
_GIVEN: dict[Sex, tuple[str, ...]] = {
    "male": ("Алексей", "Борис", "Дмитрий", "Фёдор", "Илья", "Пётр", "Семён", "Тимофей"),
    "female": ("Анна", "Вера", "Дарья", "Елена", "Зоя", "Ольга", "Софья", "Ульяна"),
}
_PATRONYMICS: dict[Sex, tuple[str, ...]] = {
    "male": ("Андреевич", "Игоревич", "Львович", "Олегович", "Петрович", "Юрьевич"),
    "female": ("Андреевна", "Игоревна", "Львовна", "Олеговна", "Петровна", "Юрьевна"),
}
_LATEST_BIRTH = date(2008, 1, 1)
_AGES_DAYS = 70 * 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient as a laboratory knows them, and as they sign in."""

    family: str
    given: str
    patronymic: str
    birth_date: date
    sex: Sex
    snils: str
    enp: str
    phone: str
    email: str

    @property
    def name(self) -> str:
        return f"{self.family} {self.given} {self.patronymic}"

    @property
    def snils_printed(self) -> str:
        """As it stands on the card, and in СЭМД."""
        number = self.snils
        return f"{number[:3]}-{number[3:6]}-{number[6:9]} {number[9:]}"


def people(seed: int, count: int) -> tuple[Person, ...]:
    """The same people for the same seed; more of them begin with the same ones."""
    random = Random(seed)  # noqa: S311 - made-up people, and they must come out the same again
    return tuple(_person(random, seed, number) for number in range(count))


def _person(random: Random, seed: int, number: int) -> Person:
    sex: Sex = random.choice(("male", "female"))
    family = random.choice(_FAMILIES) + ("а" if sex == "female" else "")
    digits = f"{seed % 10_000:04d}{number % 10_000:04d}"
    return Person(
        family=family,
        given=random.choice(_GIVEN[sex]),
        patronymic=random.choice(_PATRONYMICS[sex]),
        birth_date=_LATEST_BIRTH - timedelta(days=random.randrange(_AGES_DAYS)),
        sex=sex,
        snils=_with_check_digits(snils, f"9{digits}", width=2),
        enp=_with_check_digits(enp, f"9900000{digits}", width=1),
        phone=f"+790{digits}",
        email=f"patient-{seed}-{number}@sandbox.example",
    )


def _with_check_digits(check: Callable[[str], str], digits: str, *, width: int) -> str:
    for tail in range(10**width):
        try:
            return check(f"{digits}{tail:0{width}d}")
        except CheckDigitError:
            continue
    raise AssertionError(digits)
