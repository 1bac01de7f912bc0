"""Problems of the list of results, and of results that wait for a talk."""

from api.explanations.words import Explanation, say

REPORTS: dict[str, Explanation] = {
    "report-kept": say(
        403,
        "Вы просили показать этот результат после разговора с врачом.",
        "You asked to see this result after talking with a doctor.",
        "Откройте список результатов и нажмите «Показать сейчас», если хотите увидеть его без врача.",
        "Open the list of results and press “Show now” if you want to see it without a doctor.",
    ),
    "filter-invalid": say(
        422,
        "Фильтр заполнен неверно.",
        "The filter is not filled in rightly.",
        "Проверьте даты: первая не может быть позже второй.",
        "Check the dates: the first can't be later than the second.",
    ),
}
