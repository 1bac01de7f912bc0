"""Problems of erasures."""

from api.explanations.words import Explanation, say

ERASURE: dict[str, Explanation] = {
    "erasure-patient-unknown": say(
        422,
        "Такого пациента нет.",
        "There is no such patient.",
        "Введите псевдоним целиком, как он записан в журнале: 36 знаков с дефисами.",
        "Enter the whole pseudonym as the history has it: 36 characters with hyphens.",
    ),
    "erasure-done": say(
        409,
        "Данные этого пациента уже уничтожены.",
        "This patient's data was destroyed already.",
        "Делать ничего не нужно: запись и акт есть в списке на этой странице.",
        "There is nothing to do: the record and the act are in the list on this page.",
    ),
    "erasure-not-ordered": say(
        409,
        "Такого назначения уже нет.",
        "There is no such order any more.",
        "Обновите страницу: его отменили или выполнили.",
        "Reload the page: it was called off or done.",
    ),
    "erasure-confirmed-already": say(
        409,
        "Это назначение уже подтверждено.",
        "This order is confirmed already.",
        "Делать ничего не нужно: данные уничтожат в назначенный день.",
        "There is nothing to do: the data will be destroyed on its day.",
    ),
    "erasure-same-person": say(
        403,
        "Подтвердить должен другой сотрудник.",
        "Another member of staff must confirm it.",
        "Попросите коллегу с той же ролью открыть эту страницу под своим именем.",
        "Ask a colleague in the same role to open this page under their own name.",
    ),
    "erasure-ordered-already": say(
        409,
        "Уничтожение уже назначено, на другой день или по другому основанию.",
        "The erasure is ordered already, for another day or on another ground.",
        "То назначение остаётся в силе: оно в списке на этой странице. Если срок слишком близок, удержите данные.",
        "That order stands: it is in the list on this page. If its day is too near, hold the data.",
    ),
    "erasure-day-past": say(
        422,
        "Этот день уже прошёл: данные были бы уничтожены сразу.",
        "That day is over: the data would be destroyed at once.",
        "Выберите сегодняшний день или будущий.",
        "Choose today or a day to come.",
    ),
    "erasure-choice-missing": say(
        422,
        "Выберите одно из списка.",
        "Choose one from the list.",
        "Откройте список и выберите то, что подходит.",
        "Open the list and choose what fits.",
    ),
    "erasure-day-malformed": say(
        422,
        "Такого дня нет в календаре.",
        "There is no such day in the calendar.",
        "Выберите день в календаре или введите его: день, месяц, год.",
        "Choose the day in the calendar or type it: day, month, year.",
    ),
}
