"""Digits and signs that markup raises, as plain text writes them: 10 to the ninth is not 109."""

from typing import Final

RAISED: Final = str.maketrans("0123456789+-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
