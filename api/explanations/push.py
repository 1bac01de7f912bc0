"""Problems of push notifications."""

from api.explanations.words import Explanation, say

PUSH: dict[str, Explanation] = {
    "push-not-here": say(
        409,
        "На этом сервере push-уведомления не работают.",
        "Push notifications do not work on this server.",
        "Выберите электронную почту или SMS в настройках уведомлений.",
        "Choose e-mail or SMS in the notification settings.",
    ),
    "push-service-unknown": say(
        422,
        "Служба уведомлений этого браузера нам не известна.",
        "We do not know the notification service of this browser.",
        "Откройте кабинет в другом браузере или напишите оператору, каким браузером вы пользуетесь.",
        "Open the cabinet in another browser, or tell the operator which browser you use.",
    ),
    "push-subscription-malformed": say(
        422,
        "Браузер не сообщил, куда присылать уведомления.",
        "The browser did not say where to send notifications.",
        "Нажмите кнопку ещё раз. Если не поможет, откройте кабинет в другом браузере.",
        "Press the button again. If that does not help, open the cabinet in another browser.",
    ),
}
