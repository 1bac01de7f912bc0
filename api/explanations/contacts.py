"""Problems of contacts, of the settings of notices, and of test messages."""

from api.explanations.words import Explanation, say

CONTACTS: dict[str, Explanation] = {
    "email-same": say(
        422,
        "Этот адрес уже подтверждён.",
        "This address is confirmed already.",
        "Введите другой адрес, если хотите его сменить.",
        "Enter another one if you want to change it.",
    ),
    "email-refused": say(
        422,
        "Почтовый сервер не принял письмо на этот адрес.",
        "The mail server did not take a letter to this address.",
        "Проверьте, нет ли опечатки. Если адрес верный, укажите другой.",
        "See that it is spelled right. If it is, give another one.",
    ),
    "email-unavailable": say(
        503,
        "Письмо сейчас отправить не удалось.",
        "The letter could not be sent now.",
        "Адрес ни при чём: попробуйте через несколько минут.",
        "It is not about your address: try again in some minutes.",
    ),
    "time-malformed": say(
        422,
        "Время не разобрано.",
        "The time can't be read.",
        "Введите часы и минуты, например 22:00.",
        "Enter hours and minutes, for example 22:00.",
    ),
    "time-zone-unknown": say(
        422,
        "Такого часового пояса нет.",
        "There is no such time zone.",
        "Выберите пояс из списка.",
        "Choose one of the list.",
    ),
    "contact-tests-too-many": say(
        429,
        "За последний час было пять тестов.",
        "There were five tests within the last hour.",
        "Их ответы показаны у каждого способа. Следующий тест можно отправить чуть позже.",
        "Their answers stand with each way. You can send the next one a little later.",
    ),
}
