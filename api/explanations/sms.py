"""What is wrong with a receipt of an SMS, for who connects a gateway."""

from api.explanations.words import Explanation, say

SMS: dict[str, Explanation] = {
    "receipts-token-wrong": say(
        401,
        "Токен не подходит: квитанции о доставке SMS принимаются только от шлюза оператора.",
        "The token does not fit: receipts of SMS are taken from the operator's gateway only.",
        "Передайте в заголовке Authorization значение LETOPIS_SMS_RECEIPTS_TOKEN: «Bearer <токен>».",
        "Send the value of LETOPIS_SMS_RECEIPTS_TOKEN in the header Authorization: “Bearer <token>”.",
    ),
}
