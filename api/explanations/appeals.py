"""Problems of appeals to an organisation: for the patient, and for the organisation's own staff."""

from api.explanations.words import Explanation, say

APPEALS: dict[str, Explanation] = {
    "appeal-consent-missing": say(
        409,
        "Нет согласия на передачу результатов этой организацией в электронном виде.",
        "There is no consent to electronic transfer of results by this organisation.",
        "Пациент даёт это согласие сам, на отдельной странице. Без него обращение не отправляют и не выполняют.",
        "The patient gives this consent on a page of its own. Without it an appeal is neither sent nor fulfilled.",
    ),
    "appeal-data-missing": say(
        409,
        "Для обращения не хватает данных профиля.",
        "The profile lacks data that an appeal needs.",
        "Укажите в профиле ФИО, дату рождения и электронную почту, привяжите полис ОМС и вернитесь к обращению.",
        "State your name, birth date and e-mail in the profile, link the OMS policy and come back.",
    ),
    "appeal-organisation-name-missing": say(
        422,
        "Название организации не указано.",
        "The organisation's name is missing.",
        "Перепишите официальное название организации, как в её документах.",
        "Copy the official name of the organisation from its papers.",
    ),
    "appeal-inn-wrong": say(
        422,
        "Это не ИНН организации.",
        "This is no ИНН of an organisation.",
        "ИНН организации — 10 цифр. Проверьте каждую: последняя вычисляется из остальных.",
        "An organisation's ИНН has 10 digits. Check each: the last is computed from the others.",
    ),
    "appeal-okpo-wrong": say(
        422,
        "Это не код ОКПО.",
        "This is no ОКПО code.",
        "Код ОКПО — 8, 10 или 14 цифр. Он указан в реквизитах на сайте организации.",
        "An ОКПО code has 8, 10 or 14 digits. It is among the requisites on the organisation's site.",
    ),
    "appeal-open": say(
        409,
        "Обращение в эту организацию уже отправлено.",
        "An appeal to this organisation has been sent already.",
        "Дождитесь ответа: на него есть 7 дней. Потом организации уйдёт напоминание.",
        "Wait for the answer: it has 7 days. Then the organisation is reminded.",
    ),
    "appeal-not-open": say(
        409,
        "На обращение уже ответили, или его отозвали.",
        "The appeal was answered already, or taken back.",
        "Вернитесь к обращению: там видно, чем оно закончилось.",
        "Go back to the appeal: it shows how it ended.",
    ),
    "appeal-not-needed": say(
        409,
        "Эта организация уже подключила передачу результатов.",
        "This organisation has switched the transfer on already.",
        "Обращаться больше не нужно. Если результатов нет, откройте страницу «Почему услуга недоступна».",
        "There is nothing to appeal for. If no results come, open «Why the service is not available».",
    ),
    "appeal-not-corrected": say(
        409,
        "В обращении ничего не исправлено.",
        "Nothing in the appeal was corrected.",
        "Организация назвала поле, которое не сходится. Исправьте его и отправьте снова. Если у вас всё верно,"
        " свяжитесь с регистратурой организации.",
        "The organisation named the field that differs. Correct it and send the appeal again. If yours is right,"
        " talk to the organisation's registry.",
    ),
    "appeal-status-asked": say(
        409,
        "Статус уже запрашивали сегодня.",
        "The status was asked for within the last day.",
        "Запрос можно повторить через сутки. Организация его видит.",
        "Ask again a day later. The organisation sees that you asked.",
    ),
    "refusal-reason-missing": say(
        422,
        "Причина отказа не указана до конца.",
        "The reason of the refusal is not complete.",
        "Если данные не сходятся, выберите поле. Если причина другая, опишите её.",
        "If data differ, choose the field. If the reason is another, describe it.",
    ),
    "appeal-policy-missing": say(
        409,
        "У пациента не привязан полис ОМС.",
        "The patient has no OMS policy linked.",
        "Подключить передачу можно после привязки полиса. Откажите с этим полем, и пациент увидит, что делать.",
        "The transfer can be switched on once the policy is linked. Refuse with this field: the patient will see it.",
    ),
    "own-number-taken": say(
        409,
        "Под этим номером у вас уже записан другой пациент.",
        "Another patient is known to you under this number.",
        "Проверьте номер карты. Без номера передачу тоже можно подключить.",
        "Check the number. The transfer can be switched on without one too.",
    ),
    "own-number-malformed": say(
        422,
        "Это не номер пациента.",
        "This is no patient's number.",
        "Укажите номер, под которым пациент записан в вашей системе, до 64 знаков, или оставьте поле пустым.",
        "Give the number of the patient in your system, up to 64 characters, or leave the field empty.",
    ),
}
