"""OMS policy: its three kinds, each with its own rule, and the fields in which people go wrong (S33, S86)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.values import CheckDigitError, digits_only, enp
from domain.working_days import working_days_after

# How long a temporary certificate stands for a policy: 45 working days (326-ФЗ, rules of OMS).
TEMPORARY_WORKING_DAYS = 45
_OLD_LENGTHS = range(5, 31)


class PolicyKind(StrEnum):
    """The value is the kind of the policy's number in the blind index too."""

    SINGLE = "enp"
    OLD = "old-policy"
    TEMPORARY = "temporary-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy whose number fits its kind. `series` is of an old policy; `issued_on` and `valid_until` (the
    last day) are of a temporary certificate, YYYY-MM-DD."""

    kind: PolicyKind
    number: str
    series: str | None = None
    issued_on: str | None = None
    valid_until: str | None = None

    @property
    def mark_text(self) -> str:
        """What the blind index knows it by."""
        if self.kind is PolicyKind.OLD:
            return old_policy_text(f"{self.series or ''}{self.number}")
        return self.number


class PolicyFieldError(ValueError):
    """A field of the policy is wrong; `code` says in what way, `field` which."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


def single_policy(number: str) -> Policy:
    """The policy of the single pattern: 16 digits, the last is a check digit."""
    digits = _digits(number)
    if len(digits) != 16:
        raise PolicyFieldError("policy-length", "number")
    try:
        return Policy(kind=PolicyKind.SINGLE, number=enp(digits))
    except CheckDigitError:
        raise PolicyFieldError("policy-check-failed", "number") from None


def old_policy(series: str, number: str) -> Policy:
    """A policy of before May 2011, which has no term: a series of letters or digits, and a number. Nothing
    checks its digits."""
    folded = "".join(series.split()).upper()
    if not folded:
        raise PolicyFieldError("policy-series-missing", "series")
    if not folded.replace("-", "").isalnum() or len(folded) > 12:
        raise PolicyFieldError("policy-series-malformed", "series")
    digits = _digits(number)
    if not 4 <= len(digits) <= 18 or not digits.strip("0"):
        raise PolicyFieldError("policy-old-number-malformed", "number")
    return Policy(kind=PolicyKind.OLD, number=digits, series=folded)


def temporary_policy(number: str, issued_on: date | None, *, today: date) -> Policy:
    """A temporary certificate: 9 digits, and it ends 45 working days after it was issued."""
    digits = _digits(number)
    if len(digits) != 9 or not digits.strip("0"):
        raise PolicyFieldError("policy-temporary-malformed", "number")
    if issued_on is None:
        raise PolicyFieldError("policy-issued-missing", "issued_on")
    if issued_on > today:
        raise PolicyFieldError("policy-issued-in-future", "issued_on")
    until = working_days_after(issued_on, TEMPORARY_WORKING_DAYS)
    if until < today:
        raise PolicyFieldError("policy-temporary-ended", "issued_on")
    return Policy(
        kind=PolicyKind.TEMPORARY,
        number=digits,
        issued_on=issued_on.isoformat(),
        valid_until=until.isoformat(),
    )


def _digits(text: str) -> str:
    """Digits only (S86); the spaces and dashes of the printed number are taken out."""
    digits = digits_only(text.strip())
    if not digits:
        raise PolicyFieldError("policy-number-missing", "number")
    if not (digits.isascii() and digits.isdigit()):
        raise PolicyFieldError("policy-digits-only", "number")
    return digits


# As laboratories send them.


def old_policy_text(text: str) -> str:
    """Series and number as one text without separators, for they are written in many ways; empty if it can't
    be an old policy."""
    folded = "".join(char for char in text.upper() if char.isalnum())
    has_number = any(char.isdecimal() and char != "0" for char in folded)
    return folded if len(folded) in _OLD_LENGTHS and has_number else ""


def temporary_policy_text(text: str) -> str:
    """The nine digits; empty if it can't be a temporary certificate."""
    digits = digits_only(text.strip())
    is_number = len(digits) == 9 and digits.isascii() and digits.isdigit() and digits.strip("0")
    return digits if is_number else ""
