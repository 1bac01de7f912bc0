"""Problems of trends and of comparing results."""

from api.explanations.words import Explanation, say

TRENDS: dict[str, Explanation] = {
    "comparison-needs-two": say(
        422,
        "Сравнить можно ровно два результата.",
        "Exactly two results can be compared.",
        "Вернитесь к списку результатов, отметьте два из них и нажмите «Сравнить».",
        "Go back to the list of results, tick two of them and press “Compare”.",
    ),
}
