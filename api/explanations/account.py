"""Problems with what a patient proves who they are with: second factors, passkeys, recovery codes, sessions."""

from api.explanations.words import Explanation, say

ACCOUNT: dict[str, Explanation] = {
    "factor-not-offered": say(
        403,
        "Этот способ подтверждения вам сейчас недоступен.",
        "You can't prove who you are in this way now.",
        "Выберите один из способов на странице: более надёжный вытесняет SMS.",
        "Choose one of the ways on the page: a stronger one takes the place of SMS.",
    ),
    "totp-code-wrong": say(
        422,
        "Код из приложения не подходит.",
        "The code of the authenticator is wrong.",
        "Код меняется каждые 30 секунд и принимается один раз: дождитесь следующего. Проверьте, что часы телефона"
        " идут верно.",
        "The code changes every 30 seconds and is taken once: wait for the next. See that the phone's clock is"
        " right.",
    ),
    "recovery-code-wrong": say(
        422,
        "Запасной код не подходит.",
        "The recovery code is wrong.",
        "Каждый код годится один раз, и только из последнего выданного списка.",
        "Each code is good once, and only of the list that was given last.",
    ),
    "factor-tries-used-up": say(
        429,
        "Сегодня было слишком много неверных кодов.",
        "There were too many wrong codes today.",
        "Попробуйте завтра, войдите ключом доступа или обратитесь в поддержку.",
        "Try tomorrow, use a passkey, or ask support.",
    ),
    "totp-offer-expired": say(
        422,
        "Этот QR-код больше не действует.",
        "This QR code is no longer good.",
        "Отсканируйте новый: он действует 15 минут. Старую запись в приложении удалите.",
        "Scan the new one: it is good for 15 minutes. Delete the old entry in the program.",
    ),
    "totp-already-added": say(
        409,
        "Приложение для кодов уже настроено.",
        "An authenticator program is set up already.",
        "Чтобы настроить другое, сначала удалите прежнее.",
        "To set up another one, remove the earlier one first.",
    ),
    "authenticators-too-many": say(
        409,
        "У вас уже десять ключей и приложений.",
        "You have ten keys and programs already.",
        "Удалите те, которыми не пользуетесь.",
        "Remove those that you do not use.",
    ),
    "authenticator-label-too-long": say(
        422,
        "Название длиннее 40 символов.",
        "The name is longer than 40 characters.",
        "Назовите короче, например «Рабочий ноутбук».",
        "Choose a shorter one, such as “Work laptop”.",
    ),
    "stronger-factor-missing": say(
        409,
        "Коды по SMS пока отключить нельзя.",
        "Codes by SMS can't be turned off yet.",
        "Сначала добавьте ключ доступа или приложение для кодов и сохраните запасные коды.",
        "First add a passkey or an authenticator program, and keep recovery codes.",
    ),
    "passkey-refused": say(
        403,
        "Ключ доступа не принят.",
        "The passkey was not accepted.",
        "Начните сначала и подтвердите действие отпечатком, лицом или PIN. Если ключ удалён здесь, удалите его и"
        " на устройстве.",
        "Begin again, and confirm by fingerprint, face or PIN. If the key was removed here, remove it on the device"
        " too.",
    ),
    "passkey-suspected": say(
        403,
        "Похоже, у этого ключа доступа есть копия. Он больше не действует.",
        "This passkey seems to have a copy. It opens nothing any more.",
        "Войдите другим способом, удалите ключ в разделе «Безопасность» и добавьте его заново.",
        "Sign in another way, remove the key under “Security”, and add it anew.",
    ),
}
