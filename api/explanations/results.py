"""Problems of one result's pages."""

from api.explanations.words import Explanation, say

RESULTS: dict[str, Explanation] = {
    "result-erased": say(
        410,
        "Этот результат стёрт, восстановить его нельзя.",
        "This result was erased and can't be recreated.",
        "Что его просматривали, осталось в журнале. Если результат нужен, запросите его в лаборатории.",
        "That it was read is still in the log. If you need the result, ask the laboratory for it.",
    ),
}
