"""Problems of sharing results with a doctor."""

from api.explanations.words import Explanation, say

SHARING: dict[str, Explanation] = {
    "share-reports-missing": say(
        422,
        "Не выбрано ни одного результата.",
        "No result is chosen.",
        "Отметьте хотя бы один результат, который нужно показать врачу.",
        "Tick at least one result that the doctor should see.",
    ),
    "share-reports-too-many": say(
        422,
        "Выбрано слишком много результатов.",
        "Too many results are chosen.",
        "За один раз можно отправить не больше 20. Отправьте остальные отдельно.",
        "No more than 20 can be sent at once. Send the others separately.",
    ),
    "share-term-wrong": say(
        422,
        "Такой срок указать нельзя.",
        "This term can't be chosen.",
        "Выберите срок из списка или напишите дату ДД.ММ.ГГГГ: после сегодняшней и не дальше 90 дней.",
        "Choose a term of the list, or write a date DD.MM.YYYY after today and within 90 days.",
    ),
    "share-openings-wrong": say(
        422,
        "Не выбрано, сколько раз можно открыть ссылку.",
        "It is not chosen how many times the link can be opened.",
        "Выберите число от 1 до 100 или «без ограничения».",
        "Choose a number from 1 to 100, or no limit.",
    ),
    "share-label-too-long": say(
        422,
        "Подпись слишком длинная.",
        "The label is too long.",
        "Сократите её до 80 знаков.",
        "Shorten it to 80 characters.",
    ),
    "share-message-too-long": say(
        422,
        "Сообщение слишком длинное.",
        "The message is too long.",
        "Сократите его до 1000 знаков.",
        "Shorten it to 1000 characters.",
    ),
    "share-doctor-missing": say(
        422,
        "Врач не выбран.",
        "No doctor is chosen.",
        "Выберите врача из списка. Если его там нет, отправьте ссылку с кодом.",
        "Choose a doctor of the list. If they are not there, send a link with a code.",
    ),
    "share-over": say(
        409,
        "Этот доступ уже закрыт.",
        "This access is closed already.",
        "Отправьте результаты заново: это будет новый доступ.",
        "Send the results again: it will be a new access.",
    ),
}
