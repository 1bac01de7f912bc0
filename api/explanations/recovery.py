"""Problems of passwords, limits, recovery, a second device and identity providers."""

from api.explanations.words import Explanation, say

RECOVERY: dict[str, Explanation] = {
    "tries-too-many": say(
        429,
        "Слишком много попыток подряд.",
        "Too many tries in a row.",
        "Подождите несколько минут и повторите. Если это были не вы, ничего делать не нужно.",
        "Wait some minutes and try again. If it was not you, there is nothing to do.",
    ),
    # Passwords
    "password-common": say(
        422,
        "Этот пароль есть в списках известных паролей.",
        "This password is on the lists of known passwords.",
        "Придумайте другой: несколько случайных слов подряд или нажмите «Придумать пароль».",
        "Think of another: some random words in a row, or press “Suggest a password”.",
    ),
    "password-personal": say(
        422,
        "Пароль слишком похож на ваши данные или на название сервиса.",
        "The password is too much like your own data or the name of the service.",
        "Не используйте номер телефона, имя, почту и слова «летопись», «кабинет», «анализы».",
        "Do not use your phone number, name or e-mail, nor the words of this service.",
    ),
    "password-guessable": say(
        422,
        "Пароль легко угадать: повторы, ряды клавиш или цифры подряд.",
        "The password is easy to guess: repeats, rows of keys or digits in order.",
        "Придумайте другой: несколько случайных слов подряд или нажмите «Придумать пароль».",
        "Think of another: some random words in a row, or press “Suggest a password”.",
    ),
    "password-same": say(
        422,
        "Новый пароль совпадает с нынешним.",
        "The new password is the present one.",
        "Придумайте пароль, которого у вас ещё не было.",
        "Think of a password that you have not had yet.",
    ),
    "password-wrong": say(
        403,
        "Нынешний пароль введён неверно.",
        "The present password is wrong.",
        "Проверьте раскладку клавиатуры. Если пароль забыт, выйдите и выберите «Не помню пароль».",
        "Check the layout of the keyboard. If you forgot it, sign out and choose “I forgot the password”.",
    ),
    # Recovery and the phone
    "recovery-ended": say(
        422,
        "Время на восстановление вышло, или оно уже закончено.",
        "The time for the recovery is over, or it is finished already.",
        "Начните восстановление заново со страницы входа.",
        "Begin the recovery anew from the page of signing in.",
    ),
    "recovery-waits": say(
        403,
        "Новый пароль можно задать только после срока ожидания.",
        "A new password may be set only when the waiting time is over.",
        "Вернитесь на эту страницу после указанного времени. Так ваш кабинет защищён от чужих рук.",
        "Come back to this page after the time that is named. It keeps others out of your cabinet.",
    ),
    "phone-same": say(
        422,
        "Это ваш нынешний номер.",
        "This is your present number.",
        "Укажите новый номер.",
        "Give the new number.",
    ),
    # A second device
    "confirmation-ended": say(
        422,
        "Этот вход больше не ждёт подтверждения.",
        "This sign-in no longer waits to be confirmed.",
        "Начните вход заново: на подтверждение даётся две минуты.",
        "Begin to sign in anew: there are two minutes to confirm.",
    ),
    "confirmation-refused": say(
        403,
        "Вход отклонён на другом устройстве.",
        "The sign-in was refused on another device.",
        "Если отклонили по ошибке, войдите ещё раз и выберите верное число.",
        "If it was refused by mistake, sign in again and choose the right number.",
    ),
    "confirmation-number-wrong": say(
        422,
        "Выбрано не то число, и вход отклонён.",
        "That was not the number, and the sign-in is refused.",
        "Сверьте число на экране входа. Если входите не вы, смените пароль.",
        "Compare with the number on the screen of the sign-in. If it is not you, change the password.",
    ),
    "confirmation-nowhere": say(
        409,
        "Подтвердить негде: ни на одном другом устройстве вы сейчас не вошли.",
        "There is nowhere to confirm it: you are signed in on no other device at present.",
        "Вернитесь и войдите по коду.",
        "Go back and sign in by a code.",
    ),
    # Identity providers
    "provider-unknown": say(
        404,
        "Вход через этот сервис здесь не настроен.",
        "Signing in by this service is not set up here.",
        "Вернитесь на страницу входа и выберите другой способ.",
        "Go back to the page of signing in and choose another way.",
    ),
    "provider-away": say(
        503,
        "Сервис входа сейчас не отвечает.",
        "The identity provider does not answer at present.",
        "Повторите через несколько минут или войдите по телефону и паролю.",
        "Try again in some minutes, or sign in by phone and password.",
    ),
    "provider-refused": say(
        403,
        "Сервис входа не подтвердил вас.",
        "The identity provider did not confirm you.",
        "Повторите вход. Если вы отказались сами, войдите по телефону и паролю.",
        "Sign in again. If you declined it yourself, sign in by phone and password.",
    ),
    "provider-answer-invalid": say(
        403,
        "Ответ сервиса входа не прошёл проверку.",
        "The answer of the identity provider did not pass the checks.",
        "Начните вход заново с нашей страницы. Если ошибка повторяется, сообщите нам её код.",
        "Begin anew from our page. If it happens again, tell us the code of the error.",
    ),
    "external-account-unknown": say(
        403,
        "К этой учётной записи не привязан кабинет.",
        "No cabinet is linked with this account.",
        "Войдите по телефону и паролю, затем привяжите учётную запись в разделе «Безопасность».",
        "Sign in by phone and password, then link the account in the section “Security”.",
    ),
    "external-account-taken": say(
        409,
        "Эта учётная запись уже привязана к другому кабинету.",
        "This account is linked with another cabinet already.",
        "Отвяжите её в том кабинете или войдите в него.",
        "Unlink it in that cabinet, or sign in to that one.",
    ),
    "external-account-linked": say(
        409,
        "Учётная запись этого сервиса у вас уже привязана.",
        "You have linked an account of this provider already.",
        "Сначала отвяжите прежнюю учётную запись.",
        "Unlink the earlier account first.",
    ),
}
