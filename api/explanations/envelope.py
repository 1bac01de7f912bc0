"""Problems of what a laboratory's message comes in: envelope, signature, sender."""

from api.explanations.words import Explanation, say

ENVELOPE: dict[str, Explanation] = {
    "envelope-malformed": say(
        400,
        "Конверт не разобрать: это не JWS внутри JWE в компактной форме с разрешёнными алгоритмами.",
        "The envelope can't be read: it is not a compact JWS in a JWE with the allowed algorithms.",
        "Соберите конверт, как описано в документации: Ed25519 внутри ECDH-ES+A256KW и A256GCM.",
        "Build the envelope as documented: Ed25519 inside ECDH-ES+A256KW and A256GCM.",
    ),
    "envelope-not-for-us": say(
        400,
        "Конверт зашифрован для другого получателя.",
        "The envelope is encrypted to another recipient.",
        "Возьмите текущий ключ приёма по адресу /v1/keys и зашифруйте заново.",
        "Fetch the current intake key from /v1/keys and encrypt again.",
    ),
    "envelope-not-decryptable": say(
        400,
        "Конверт не расшифровывается: он повреждён в пути или собран с ошибкой.",
        "The envelope can't be decrypted: it was damaged on the way or built wrongly.",
        "Отправьте конверт ещё раз; если не поможет, соберите его заново.",
        "Send the envelope again; if that does not help, build it anew.",
    ),
    "laboratory-unknown": say(
        403,
        "Лаборатория не зарегистрирована.",
        "The laboratory is not registered.",
        "Проверьте идентификатор iss или зарегистрируйте лабораторию: letopis lab add.",
        "Check the issuer (iss), or register the laboratory: letopis lab add.",
    ),
    "laboratory-key-unknown": say(
        403,
        "У лаборатории нет действующего ключа с таким kid.",
        "The laboratory has no key in force under this kid.",
        "Подпишите действующим ключом или сообщите оператору о новом ключе.",
        "Sign with a key that is in force, or give the operator the new key.",
    ),
    "sender-not-authenticated": say(
        403,
        "Отправитель этих сообщений должен предъявить сертификат, а предъявлен другой или никакого.",
        "The sender of these messages must show a client certificate; another one was shown, or none.",
        "Соединяйтесь по TLS с сертификатом, который зарегистрирован: letopis lab sender.",
        "Connect over TLS with the certificate that is registered: letopis lab sender.",
    ),
    "signature-invalid": say(
        403,
        "Подпись лаборатории неверна.",
        "The laboratory's signature is wrong.",
        "Подпишите содержимое тем ключом, чей kid указан, и отправьте заново.",
        "Sign the content with the key whose kid is named, and send again.",
    ),
    "issuer-mismatch": say(
        403,
        "Отправитель в подписи не тот, кому принадлежит ключ.",
        "The issuer in the signature is not the owner of the key.",
        "Укажите в iss идентификатор своей лаборатории.",
        "Put your own laboratory's identifier in iss.",
    ),
    "audience-wrong": say(
        403,
        "Конверт подписан для другой системы.",
        "The envelope is signed for another system.",
        "Укажите в aud адрес этой системы.",
        "Put the address of this system in aud.",
    ),
    "envelope-too-old": say(
        400,
        "Конверт подписан слишком давно.",
        "The envelope was signed too long ago.",
        "Подпишите заново: время подписи (iat) может отставать не более чем на 10 минут.",
        "Sign again: the time of signing (iat) may be at most 10 minutes ago.",
    ),
    "envelope-from-future": say(
        400,
        "Время подписи конверта ещё не наступило.",
        "The envelope's time of signing is in the future.",
        "Сверьте часы сервера лаборатории с точным временем.",
        "Set the laboratory server's clock right.",
    ),
    "digest-mismatch": say(
        400,
        "Содержимое не совпадает с отпечатком, указанным в конверте.",
        "The content does not match the digest in the envelope.",
        "Соберите конверт заново из тех байтов, которые отправляете.",
        "Build the envelope anew from the very bytes that you send.",
    ),
    "envelope-replayed": say(
        409,
        "Конверт с этим номером (jti) уже приходил с другим содержимым.",
        "An envelope with this id (jti) has arrived before with other content.",
        "Для нового содержимого выдайте новый jti; тот же jti годится только для точного повтора.",
        "Give new content a new jti; the same jti is only for an exact repeat.",
    ),
    "submission-too-large": say(
        413,
        "Отправление больше допустимого размера.",
        "The submission is larger than allowed.",
        "Разделите его на несколько; предел указан в документации.",
        "Split it into several; the limit is in the documentation.",
    ),
}
