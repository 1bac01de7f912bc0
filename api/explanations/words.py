"""How a problem is explained: its HTTP status, and words in Russian and in English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """The HTTP status of a code, what happened and what to do; each as (Russian, English)."""

    status: int
    title: tuple[str, str]
    advice: tuple[str, str]


def say(status: int, title_ru: str, title_en: str, advice_ru: str, advice_en: str) -> Explanation:
    return Explanation(status, (title_ru, title_en), (advice_ru, advice_en))
