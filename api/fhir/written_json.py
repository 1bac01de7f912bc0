"""Written FHIR elements as values of JSON: numbers are numbers with the digits as sent, and nothing empty is left."""

from typing import Any

import orjson

from api.fhir import written_elements as written

# The elements whose `value` is a decimal: quantities and their ends.
_QUANTITIES = frozenset({"valueQuantity", "low", "high", "numerator", "denominator"})


def as_json_value(one: object, name: str = "") -> Any:
    """A resource or a part of one; `name` is the element that it stands in."""
    if isinstance(one, dict):
        return {
            key: _decimal(inner) if name in _QUANTITIES and key == "value" else as_json_value(inner, key)
            for key, inner in one.items()
            if written.says_anything(inner)
        }
    if isinstance(one, list):
        return [as_json_value(inner, name) for inner in one if written.says_anything(inner)]
    if isinstance(one, int):
        return one
    text = written.text_of(str(one))
    if name == "valueBoolean":
        return text == "true"
    return int(text) if name == "valueInteger" else text


def _decimal(text: str) -> orjson.Fragment:
    """What was checked to be a decimal of FHIR, which is one of JSON: 72.50 stays 72.50."""
    return orjson.Fragment(text.encode())
