"""Problems of sending a result's document."""

from api.explanations.words import Explanation, say

DOCUMENTS: dict[str, Explanation] = {
    "document-consent-missing": say(
        409,
        "Нет согласия на отправку результатов на электронную почту.",
        "There is no consent to sending results by e-mail.",
        "Прочитайте и дайте согласие, затем повторите отправку.",
        "Read and give the consent, then send it again.",
    ),
    "document-not-permitted": say(
        409,
        "Отправить результат сейчас нельзя.",
        "The result can't be sent now.",
        "Проверьте адрес электронной почты в профиле и согласие на обработку персональных данных.",
        "Check the e-mail address in the profile and the consent to processing personal data.",
    ),
    "document-just-sent": say(
        429,
        "Этот результат уже отправляется.",
        "This result is being sent already.",
        "Подождите две минуты: письмо обычно приходит раньше.",
        "Wait two minutes: the message usually comes sooner.",
    ),
    "document-sent-often": say(
        429,
        "Эту версию результата отправляли уже десять раз.",
        "This version of the result was sent ten times already.",
        "Найдите одно из прежних писем: пароль к каждому показан на этой странице.",
        "Find one of the earlier messages: the password of each is on this page.",
    ),
}
