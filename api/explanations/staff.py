"""Problems that members of staff can meet: at their entrance, in the quarantine, with misfiled reports."""

from api.explanations.words import Explanation, say

STAFF: dict[str, Explanation] = {
    "staff-sign-in-needed": say(
        401,
        "Нужно войти как сотрудник.",
        "You need to sign in as staff.",
        "Войдите по имени сотрудника, паролю и коду из приложения.",
        "Sign in by your staff name, password and the code of your authenticator.",
    ),
    "staff-sign-in-refused": say(
        403,
        "Имя, пароль или код не подходят.",
        "The name, the password or the code is wrong.",
        "Код меняется каждые 30 секунд и принимается один раз: дождитесь следующего. После пяти ошибок подряд"
        " вход закрывается на 15 минут.",
        "The code changes every 30 seconds and is taken once: wait for the next. After five failures in a row"
        " sign-in is closed for 15 minutes.",
    ),
    "staff-step-up-needed": say(
        403,
        "Для этого действия нужно ещё раз подтвердить, что это вы.",
        "This act needs another proof that it is you.",
        "Введите код из приложения и повторите действие.",
        "Enter the code of your authenticator, and repeat the act.",
    ),
    "staff-step-up-refused": say(
        403,
        "Код не подходит.",
        "The code is wrong.",
        "Код меняется каждые 30 секунд и принимается один раз, в том числе при входе: дождитесь следующего.",
        "The code changes every 30 seconds and is taken once, also for signing in: wait for the next.",
    ),
    "staff-step-up-closed": say(
        429,
        "Слишком много неверных кодов.",
        "Too many wrong codes.",
        "Подождите 15 минут и введите новый код.",
        "Wait for 15 minutes and enter a new code.",
    ),
    "staff-code-wrong": say(
        422,
        "Код из приложения не подходит.",
        "The code of the authenticator is wrong.",
        "Проверьте, что ключ введён целиком и что часы телефона идут верно.",
        "See that the key was entered whole, and that the phone's clock is right.",
    ),
    "enrolment-link-expired": say(
        404,
        "Ссылка не действует.",
        "The link is not good.",
        "Она годится сутки и один раз. Попросите администратора выдать новую: letopis staff reset.",
        "It is good for a day, and once. Ask the administrator for a new one: letopis staff reset.",
    ),
    "not-in-quarantine": say(
        409,
        "Этого отправления уже нет в карантине.",
        "This submission does not lie in quarantine any more.",
        "Его прочитали или закрыли, пока страница была открыта. Вернитесь к списку.",
        "It was read or closed while the page was open. Go back to the list.",
    ),
    "content-erased": say(
        410,
        "Содержимое стёрто: ключ к нему уничтожен.",
        "The content is erased: its key was destroyed.",
        "Прочитать его не может никто. Отправление можно только закрыть.",
        "Nobody can read it. The submission can only be closed.",
    ),
    "release-reason-missing": say(
        422,
        "Причина не выбрана.",
        "No reason is chosen.",
        "Выберите, почему из отправления ничего не нужно записывать.",
        "Choose why nothing is to be recorded from the submission.",
    ),
    "report-id-malformed": say(
        422,
        "Это не номер отчёта.",
        "This is no report's id.",
        "Номер отчёта состоит из 32 цифр и букв от a до f, обычно с дефисами. Скопируйте его целиком.",
        "A report's id has 32 digits and letters from a to f, usually with hyphens. Copy the whole of it.",
    ),
    "report-has-no-patient": say(
        409,
        "Отчёт ни у кого: забирать его не у кого.",
        "The report is nobody's, so it can't be taken from anybody.",
        "Его могли забрать, пока страница была открыта. Откройте отчёт ещё раз.",
        "It may have been taken while the page was open. Open the report again.",
    ),
    "undo-not-confirmed": say(
        422,
        "Не отмечено, что это проверено.",
        "It is not ticked that you have made sure.",
        "Убедитесь, что отчёт о другом человеке, и поставьте отметку.",
        "Make sure that the report is another person's, and tick the box.",
    ),
}
