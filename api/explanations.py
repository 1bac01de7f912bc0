"""What each problem means and what to do about it: a stable code, and words in Russian and in English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """The HTTP status of a code, what happened and what to do; each as (Russian, English)."""

    status: int
    title: tuple[str, str]
    advice: tuple[str, str]


def _say(status: int, title_ru: str, title_en: str, advice_ru: str, advice_en: str) -> Explanation:
    return Explanation(status, (title_ru, title_en), (advice_ru, advice_en))


EXPLANATIONS: dict[str, Explanation] = {
    # Intake: the envelope
    "envelope-malformed": _say(
        400,
        "Конверт не разобрать: это не JWS внутри JWE в компактной форме с разрешёнными алгоритмами.",
        "The envelope can't be read: it is not a compact JWS in a JWE with the allowed algorithms.",
        "Соберите конверт, как описано в документации: Ed25519 внутри ECDH-ES+A256KW и A256GCM.",
        "Build the envelope as documented: Ed25519 inside ECDH-ES+A256KW and A256GCM.",
    ),
    "envelope-not-for-us": _say(
        400,
        "Конверт зашифрован для другого получателя.",
        "The envelope is encrypted to another recipient.",
        "Возьмите текущий ключ приёма по адресу /v1/keys и зашифруйте заново.",
        "Fetch the current intake key from /v1/keys and encrypt again.",
    ),
    "envelope-not-decryptable": _say(
        400,
        "Конверт не расшифровывается: он повреждён в пути или собран с ошибкой.",
        "The envelope can't be decrypted: it was damaged on the way or built wrongly.",
        "Отправьте конверт ещё раз; если не поможет, соберите его заново.",
        "Send the envelope again; if that does not help, build it anew.",
    ),
    "laboratory-unknown": _say(
        403,
        "Лаборатория не зарегистрирована.",
        "The laboratory is not registered.",
        "Проверьте идентификатор iss или зарегистрируйте лабораторию: letopis lab add.",
        "Check the issuer (iss), or register the laboratory: letopis lab add.",
    ),
    "laboratory-key-unknown": _say(
        403,
        "У лаборатории нет действующего ключа с таким kid.",
        "The laboratory has no key in force under this kid.",
        "Подпишите действующим ключом или сообщите оператору о новом ключе.",
        "Sign with a key that is in force, or give the operator the new key.",
    ),
    "signature-invalid": _say(
        403,
        "Подпись лаборатории неверна.",
        "The laboratory's signature is wrong.",
        "Подпишите содержимое тем ключом, чей kid указан, и отправьте заново.",
        "Sign the content with the key whose kid is named, and send again.",
    ),
    "issuer-mismatch": _say(
        403,
        "Отправитель в подписи не тот, кому принадлежит ключ.",
        "The issuer in the signature is not the owner of the key.",
        "Укажите в iss идентификатор своей лаборатории.",
        "Put your own laboratory's identifier in iss.",
    ),
    "audience-wrong": _say(
        403,
        "Конверт подписан для другой системы.",
        "The envelope is signed for another system.",
        "Укажите в aud адрес этой системы.",
        "Put the address of this system in aud.",
    ),
    "envelope-too-old": _say(
        400,
        "Конверт подписан слишком давно.",
        "The envelope was signed too long ago.",
        "Подпишите заново: время подписи (iat) может отставать не более чем на 10 минут.",
        "Sign again: the time of signing (iat) may be at most 10 minutes ago.",
    ),
    "envelope-from-future": _say(
        400,
        "Время подписи конверта ещё не наступило.",
        "The envelope's time of signing is in the future.",
        "Сверьте часы сервера лаборатории с точным временем.",
        "Set the laboratory server's clock right.",
    ),
    "digest-mismatch": _say(
        400,
        "Содержимое не совпадает с отпечатком, указанным в конверте.",
        "The content does not match the digest in the envelope.",
        "Соберите конверт заново из тех байтов, которые отправляете.",
        "Build the envelope anew from the very bytes that you send.",
    ),
    "envelope-replayed": _say(
        409,
        "Конверт с этим номером (jti) уже приходил с другим содержимым.",
        "An envelope with this id (jti) has arrived before with other content.",
        "Для нового содержимого выдайте новый jti; тот же jti годится только для точного повтора.",
        "Give new content a new jti; the same jti is only for an exact repeat.",
    ),
    "submission-too-large": _say(
        413,
        "Отправление больше допустимого размера.",
        "The submission is larger than allowed.",
        "Разделите его на несколько; предел указан в документации.",
        "Split it into several; the limit is in the documentation.",
    ),
    # Intake: the content
    "content-not-json": _say(
        422,
        "Содержимое — не JSON в кодировке UTF-8.",
        "The content is not JSON in UTF-8.",
        "Проверьте выгрузку. Отправление сохранено в карантине; исправленное отправьте под новым jti.",
        "Check the export. The submission is kept in quarantine; send the mended one under a new jti.",
    ),
    "content-not-fhir": _say(
        422,
        "Содержимое — не ресурс FHIR R4 с отчётом лаборатории.",
        "The content is not a FHIR R4 resource with a laboratory report.",
        "Поле, которое не подошло, указано. Отправление сохранено в карантине.",
        "The field that does not fit is named. The submission is kept in quarantine.",
    ),
    "value-not-allowed": _say(
        422,
        "Значение поля не из обязательного набора FHIR.",
        "The value of a field is not of the required FHIR value set.",
        "Исправьте указанное поле. Отправление сохранено в карантине.",
        "Mend the field that is named. The submission is kept in quarantine.",
    ),
    "no-report-in-content": _say(
        422,
        "В содержимом нет ни отчёта, ни наблюдений.",
        "There is neither a report nor an observation in the content.",
        "Отправьте Bundle с DiagnosticReport. Отправление сохранено в карантине.",
        "Send a Bundle with a DiagnosticReport. The submission is kept in quarantine.",
    ),
    "content-type-unknown": _say(
        422,
        "Формат содержимого не поддерживается.",
        "The content's format is not supported.",
        "Отправьте application/fhir+json. Отправление сохранено в карантине.",
        "Send application/fhir+json. The submission is kept in quarantine.",
    ),
    "subject-differs": _say(
        422,
        "Новая версия отчёта называет другого пациента, чем прежние версии.",
        "A further version of a report names another patient than the versions before it.",
        "Проверьте номер отчёта и номера пациента. Отправление сохранено в карантине.",
        "Check the report's number and the patient's numbers. The submission is kept in quarantine.",
    ),
    # Intake: whose it is. The report is recorded and waits.
    "patient-unknown": _say(
        202,
        "Отчёт записан и ждёт: пациент с такими номерами не зарегистрирован.",
        "The report is recorded and waits: no patient with these numbers is registered.",
        "Ничего делать не нужно: отчёт появится в кабинете, когда пациент привяжет полис.",
        "Nothing is to be done: it appears in the cabinet when the patient links the policy.",
    ),
    "patient-ambiguous": _say(
        202,
        "Отчёт записан и ждёт: номера полиса и СНИЛС принадлежат разным людям.",
        "The report is recorded and waits: the policy number and the СНИЛС belong to different people.",
        "Проверьте номера пациента и отправьте исправленный отчёт.",
        "Check the patient's numbers and send a corrected report.",
    ),
    "check-digit-failed": _say(
        202,
        "Отчёт записан и ждёт: контрольная цифра номера пациента неверна.",
        "The report is recorded and waits: the check digit of the patient's number is wrong.",
        "Проверьте номер полиса или СНИЛС и отправьте исправленный отчёт.",
        "Check the policy number or СНИЛС and send a corrected report.",
    ),
    "organisation-not-linked": _say(
        202,
        "Отчёт записан и ждёт: пациент не привязал вашу организацию.",
        "The report is recorded and waits: the patient has not linked your organisation.",
        "Отчёт появится в кабинете, когда пациент добавит организацию.",
        "It appears in the cabinet when the patient adds the organisation.",
    ),
    "consent-missing": _say(
        202,
        "Отчёт записан и ждёт согласия пациента на передачу результатов.",
        "The report is recorded and waits for the patient's consent to the transfer of results.",
        "Отчёт появится в кабинете, когда пациент даст согласие.",
        "It appears in the cabinet when the patient consents.",
    ),
    # Requests in general
    "request-malformed": _say(
        400,
        "Запрос заполнен неверно.",
        "The request is not filled in rightly.",
        "Проверьте указанное поле.",
        "Check the field that is named.",
    ),
    "not-found": _say(
        404,
        "Такой записи нет или она вам не доступна.",
        "There is no such record, or it is not for you.",
        "Проверьте адрес; вернитесь к списку.",
        "Check the address; go back to the list.",
    ),
    "method-not-allowed": _say(
        405,
        "Это действие здесь невозможно.",
        "This can't be done here.",
        "Вернитесь на предыдущую страницу.",
        "Go back to the previous page.",
    ),
    "sign-in-needed": _say(
        401,
        "Нужно войти в кабинет.",
        "You need to sign in.",
        "Войдите по телефону, паролю и коду из SMS.",
        "Sign in by phone, password and the code from the SMS.",
    ),
    "cross-site": _say(
        403,
        "Запрос пришёл с другого сайта или устарел.",
        "The request came from another site, or it is out of date.",
        "Обновите страницу и повторите действие.",
        "Reload the page and do it again.",
    ),
    "not-ready": _say(
        503,
        "Система временно недоступна: база данных не отвечает.",
        "The system is temporarily unavailable: the database does not answer.",
        "Повторите через несколько секунд; повтор с тем же jti безопасен.",
        "Try again in a few seconds; a repeat with the same jti is safe.",
    ),
    "internal": _say(
        500,
        "Внутренняя ошибка системы.",
        "An internal error of the system.",
        "Повторите позже; если не поможет, обратитесь в поддержку.",
        "Try again later; if that does not help, ask support.",
    ),
    # The patient's way in
    "phone-malformed": _say(
        422,
        "Номер телефона не похож на российский мобильный.",
        "The phone number is not a Russian mobile number.",
        "Введите номер в виде +7 и десять цифр.",
        "Enter it as +7 and ten digits.",
    ),
    "password-too-short": _say(
        422,
        "Пароль слишком короткий.",
        "The password is too short.",
        "Придумайте пароль не короче 15 символов; подойдёт фраза из нескольких слов.",
        "Choose at least 15 characters; a phrase of several words is good.",
    ),
    "password-too-long": _say(
        422,
        "Пароль длиннее 200 символов.",
        "The password is longer than 200 characters.",
        "Выберите пароль покороче.",
        "Choose a shorter one.",
    ),
    "sign-in-refused": _say(
        403,
        "Телефон или пароль не подходят.",
        "The phone or the password is wrong.",
        "Проверьте раскладку и попробуйте ещё раз. После пяти ошибок вход закрывается на 15 минут.",
        "Check the keyboard layout and try again. After five failures sign-in is closed for 15 minutes.",
    ),
    "code-wrong": _say(
        422,
        "Код не подходит.",
        "The code is wrong.",
        "Проверьте последнее SMS. На один код даётся пять попыток.",
        "Check the latest SMS. A code has five tries.",
    ),
    "code-expired": _say(
        422,
        "Код больше не действует.",
        "The code is no longer good.",
        "Запросите новый: код действует 10 минут и только один раз.",
        "Ask for a new one: a code is good for 10 minutes and only once.",
    ),
    "codes-too-many": _say(
        429,
        "На этот номер отправлено слишком много кодов.",
        "Too many codes were sent to this number.",
        "Попробуйте завтра или обратитесь в поддержку.",
        "Try tomorrow, or ask support.",
    ),
    "sms-unavailable": _say(
        503,
        "SMS сейчас отправить не удаётся.",
        "The SMS can't be sent now.",
        "Попробуйте через несколько минут.",
        "Try again in a few minutes.",
    ),
    "name-missing": _say(
        422,
        "Поле не заполнено.",
        "The field is empty.",
        "Введите, как в документе, удостоверяющем личность, без лишних пробелов.",
        "Enter it as in the identity document, without extra spaces.",
    ),
    "birth-date-malformed": _say(
        422,
        "Дата рождения не разобрана или невозможна.",
        "The date of birth can't be read, or is impossible.",
        "Введите дату в виде ДД.ММ.ГГГГ, как в паспорте.",
        "Enter it as DD.MM.YYYY, as in the passport.",
    ),
    "sex-missing": _say(
        422, "Пол не указан.", "The sex is not given.", "Выберите один из вариантов.", "Choose one."
    ),
    "snils-check-failed": _say(
        422,
        "СНИЛС введён с ошибкой: контрольное число не сходится.",
        "The СНИЛС has a mistake: its check number does not fit.",
        "Сверьте 11 цифр с документом.",
        "Compare the 11 digits with the document.",
    ),
    "snils-taken": _say(
        409,
        "Этот СНИЛС уже указан в другом кабинете.",
        "This СНИЛС is in another cabinet already.",
        "Проверьте цифры; если они верны, обратитесь в поддержку.",
        "Check the digits; if they are right, ask support.",
    ),
    "email-malformed": _say(
        422,
        "Адрес электронной почты не разобран.",
        "The e-mail address can't be read.",
        "В адресе должны быть «@» и домен, например anna@example.ru.",
        "It needs an “@” and a domain, as in anna@example.ru.",
    ),
    "policy-check-failed": _say(
        422,
        "Номер полиса введён с ошибкой: контрольная цифра не сходится.",
        "The policy number has a mistake: its check digit does not fit.",
        "Введите 16 цифр единого номера полиса (ЕНП), только цифры.",
        "Enter the 16 digits of the policy (ЕНП), digits only.",
    ),
    "policy-taken": _say(
        409,
        "Этот полис уже привязан к другому кабинету.",
        "This policy is linked to another cabinet already.",
        "Проверьте номер; если он верен, обратитесь в поддержку.",
        "Check the number; if it is right, ask support.",
    ),
    "policy-already-linked": _say(
        409,
        "К кабинету уже привязан другой полис.",
        "Another policy is linked to the cabinet already.",
        "Сначала отвяжите прежний полис.",
        "Unlink the earlier policy first.",
    ),
    "policy-missing": _say(
        409,
        "Без полиса ОМС организацию привязать нельзя.",
        "Without an OMS policy no organisation can be linked.",
        "Сначала привяжите полис ОМС.",
        "Link the OMS policy first.",
    ),
    "profile-missing": _say(
        409,
        "Сначала заполните профиль.",
        "Fill in the profile first.",
        "Полис привязывается к человеку с именем и датой рождения.",
        "A policy belongs to a person with a name and a date of birth.",
    ),
    "consent-document-changed": _say(
        409,
        "Текст согласия обновился, пока страница была открыта.",
        "The consent's text was renewed while the page was open.",
        "Прочитайте новый текст и подтвердите ещё раз.",
        "Read the new text and confirm again.",
    ),
    "consent-not-read": _say(
        422,
        "Отметьте, что прочитали текст согласия.",
        "Tick that you have read the consent's text.",
        "Откройте текст, прочитайте и поставьте отметку.",
        "Open the text, read it and tick the box.",
    ),
    "consent-not-in-force": _say(
        409,
        "Это согласие сейчас не действует.",
        "This consent is not in force now.",
        "Обновите страницу.",
        "Reload the page.",
    ),
}
