"""What people write, others read among words of our own: a sign that turns the direction of what follows it makes them
read otherwise than it is written (Unicode TR9, UTR36 2.5). It says nothing itself, and comes unseen with copied names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Embeddings, overrides and isolates (UAX9 2.1–2.4). The marks of one place (2.6) turn nothing, and stay.
_TURNING: Final[Mapping[int, None]] = MappingProxyType(
    dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)


def straight(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form without such signs; nobody reads a password, and it is what was typed."""
    return {name: value if "password" in name else value.translate(_TURNING) for name, value in form.items()}
