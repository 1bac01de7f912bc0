"""Forms of DSTU2 and STU3, in which national interfaces still send, of templates, and of programs that take it easily,
as R4 has them."""

from typing import Any

from pydantic import BeforeValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

_SEXES = {"m": "male", "м": "male", "f": "female", "ж": "female"}


def _listed(value: object) -> object:
    if value is None:
        return ()
    return [value] if isinstance(value, dict) else value


def _small(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _sex(value: object) -> object:
    small = _small(value)
    return _SEXES.get(small, small) if isinstance(small, str) else value


# One where R4 has a list, and null for none.
Listed = BeforeValidator(_listed)
ListedText = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
# Codes that no other code of their value set is like but for capitals and blanks.
AnyCase, SexWord = BeforeValidator(_small), BeforeValidator(_sex)
# A template that was not filled in.
EmptyIsNone = BeforeValidator(lambda value: None if value == "" else value)


def _else(nothing: object) -> WrapValidator:
    """What a report can do without is no reason to refuse it when it is malformed."""

    def read(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return nothing

    return WrapValidator(read)


ElseNone, ElseEmpty = _else(None), _else(())


def with_one_family(name: object) -> object:
    """DSTU2 had a list of family names. In Russia's regional exchange it is family name and patronymic, and a patronymic
    stands behind the given names here."""
    family = name.get("family") if isinstance(name, dict) else None
    if not isinstance(name, dict) or not isinstance(family, list) or not all(map(_is_text, family)):
        return name
    given = name.get("given") or []
    given = [given] if isinstance(given, str) else given
    further = given + family[1:] if isinstance(given, list) else given
    return {**name, "family": next(iter(family), None), "given": further}


def _is_text(sent: object) -> bool:
    return isinstance(sent, str)
