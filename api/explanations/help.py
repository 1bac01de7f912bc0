"""Problems of requests for help: for who asks, and for support."""

from api.explanations.words import Explanation, say

HELP: dict[str, Explanation] = {
    "ticket-choice-missing": say(
        422,
        "Не выбрано значение из списка.",
        "Nothing was chosen from the list.",
        "Выберите тип обращения, тему и приоритет.",
        "Choose the type, the subject and the priority.",
    ),
    "ticket-text-missing": say(
        422,
        "Сообщение пустое.",
        "The message is empty.",
        "Напишите, что случилось и чего вы ждали. Нескольких слов достаточно.",
        "Write what happened and what you expected. A few words are enough.",
    ),
    "ticket-text-too-long": say(
        422,
        "Сообщение слишком длинное.",
        "The message is too long.",
        "В одном сообщении до 4000 знаков, в теме до 200. Остальное отправьте следующим сообщением.",
        "A message has up to 4000 characters, a subject up to 200. Send the rest in another message.",
    ),
    "ticket-subject-missing": say(
        422,
        "Тема не указана.",
        "The subject is missing.",
        "Вы выбрали «Другая тема». Назовите её в нескольких словах или выберите тему из списка.",
        "You chose «Another subject». Name it in a few words, or choose one from the list.",
    ),
    "ticket-files-too-many": say(
        409,
        "К обращению приложено уже 10 файлов.",
        "The request has 10 files already.",
        "Отправьте сообщение без файла. Если файл важен, начните новое обращение.",
        "Send the message without a file. If the file matters, begin a new request.",
    ),
    "ticket-closed": say(
        409,
        "Обращение закрыто.",
        "The request is closed.",
        "Откройте его снова кнопкой «Открыть снова», номер останется прежним.",
        "Open it again by «Open again»: it keeps its number.",
    ),
    "ticket-not-overdue": say(
        409,
        "Обращение ещё в работе.",
        "The request is still being worked on.",
        "Повторить его можно, если ответа нет больше 48 часов. Дополнить можно сейчас: напишите сообщение.",
        "It can be repeated after 48 hours without an answer. You can add to it now: write a message.",
    ),
    "ticket-not-answered": say(
        409,
        "Пациент ждёт ответа.",
        "The patient waits for an answer.",
        "Сначала ответьте, потом закройте обращение.",
        "Answer first, then close the request.",
    ),
    "ticket-held-by-other": say(
        409,
        "Обращение в работе у другого сотрудника.",
        "Another member works on this request.",
        "Передайте обращение себе, если коллеги нет на месте, или оставьте заметку.",
        "Hand the request over to yourself if they are away, or leave a note.",
    ),
    "ticket-member-unknown": say(
        422,
        "Такого сотрудника поддержки нет.",
        "There is no such member of support.",
        "Выберите сотрудника из списка.",
        "Choose a member from the list.",
    ),
    "streams-too-many": say(
        503,
        "Слишком много открытых чатов.",
        "Too many chats are open.",
        "Переписка сохраняется. Обновите страницу через полминуты.",
        "Nothing is lost. Reload the page in half a minute.",
    ),
}
