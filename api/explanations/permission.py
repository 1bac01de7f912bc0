"""What keeps a report of a known patient from them, and what goes wrong with consents."""

from api.explanations.words import Explanation, say

PERMISSION: dict[str, Explanation] = {
    "consent-expired": say(
        202,
        "Отчёт записан и ждёт: срок согласия на обработку персональных данных истёк.",
        "The report is recorded and waits: the term of the consent to process personal data is over.",
        "Отчёт появится в кабинете, когда пациент даст согласие заново.",
        "It appears in the cabinet when the patient consents anew.",
    ),
    "transfer-consent-missing": say(
        202,
        "Отчёт записан и ждёт: согласия на передачу результатов нет, или оно отозвано.",
        "The report is recorded and waits: there is no consent to the transfer of results, or it was withdrawn.",
        "Отчёт появится в кабинете, когда пациент даст согласие.",
        "It appears in the cabinet when the patient consents.",
    ),
    "transfer-consent-expired": say(
        202,
        "Отчёт записан и ждёт: срок согласия на передачу результатов истёк.",
        "The report is recorded and waits: the term of the consent to the transfer of results is over.",
        "Отчёт появится в кабинете, когда пациент даст согласие заново.",
        "It appears in the cabinet when the patient consents anew.",
    ),
    "out-of-consent-scope": say(
        202,
        "Отчёт записан и ждёт: согласие пациента не распространяется на эту организацию или вид исследования.",
        "The report is recorded and waits: the patient's consent does not cover the organisation or the study type.",
        "Отчёт появится в кабинете, когда пациент расширит согласие.",
        "It appears in the cabinet when the patient widens the consent.",
    ),
    "identity-unconfirmed": say(
        202,
        "Отчёт записан и ждёт: личность пациента ещё не подтверждена.",
        "The report is recorded and waits: the patient's identity is not confirmed yet.",
        "Отчёт появится в кабинете после подтверждения личности.",
        "It appears in the cabinet when the identity is confirmed.",
    ),
    "service-suspended": say(
        202,
        "Отчёт записан и ждёт: пациент пока не получает результаты.",
        "The report is recorded and waits: the patient gets no results for now.",
        "Отчёт появится в кабинете, когда получение возобновится.",
        "It appears in the cabinet when that is resumed.",
    ),
    "policy-unlinked": say(
        202,
        "Отчёт записан и ждёт: у пациента не привязан полис ОМС.",
        "The report is recorded and waits: the patient has no OMS policy linked.",
        "Отчёт появится в кабинете, когда пациент привяжет полис.",
        "It appears in the cabinet when the patient links the policy.",
    ),
    "not-wanted": say(
        202,
        "Отчёт записан и ждёт: пациент отключил автоматическое получение таких результатов.",
        "The report is recorded and waits: the patient has turned the automatic receipt of such results off.",
        "Отчёт появится в кабинете, когда пациент включит получение.",
        "It appears in the cabinet when the patient turns it on.",
    ),
    "consent-term-invalid": say(
        422,
        "Дата окончания согласия не подходит.",
        "The last day of the consent does not fit.",
        "Укажите дату не раньше завтрашней или оставьте поле пустым: тогда согласие действует до отзыва.",
        "Give a day from tomorrow on, or leave it empty: then the consent holds until it is withdrawn.",
    ),
    "consent-scope-both": say(
        422,
        "Выбрано «Все», и отмечены отдельные пункты.",
        "“All” is chosen, and single ones are ticked.",
        "Выберите «Только отмеченные», если нужны они, или снимите отметки.",
        "Choose “only the ticked” if you mean those, or untick them.",
    ),
    "consent-scope-empty": say(
        422,
        "Ничего не выбрано.",
        "Nothing is chosen.",
        "Выберите хотя бы одну строку или «Все».",
        "Choose at least one line, or “All”.",
    ),
    "obligation-closed": say(
        409,
        "Обязательство уже исполнено.",
        "The obligation is met already.",
        "Обновите страницу.",
        "Reload the page.",
    ),
}
