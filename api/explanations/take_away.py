"""Problems of taking results away."""

from api.explanations.words import Explanation, say

TAKE_AWAY: dict[str, Explanation] = {
    "archive-empty": say(
        422,
        "Для архива не выбран ни один результат.",
        "No result is chosen for the archive.",
        "Вернитесь к списку и отметьте результаты, которые нужны.",
        "Go back to the list and tick the results that you need.",
    ),
    "archive-too-large": say(
        422,
        "В один архив входит не больше 1000 результатов.",
        "One archive holds 1,000 results at most.",
        "Выберите меньше результатов или скачайте «Все мои данные».",
        "Choose fewer results, or download “All my data”.",
    ),
}
