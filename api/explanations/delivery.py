"""What an operator is told of notices that can't be retried or given up."""

from api.explanations.words import Explanation, say

DELIVERY: dict[str, Explanation] = {
    "notification-not-final": say(
        409,
        "Этого уведомления уже нет среди недоставленных.",
        "This notification is among the undelivered no more.",
        "Откройте список снова: о нём решили раньше, или служба доставки прислала ответ.",
        "Open the list again: somebody decided before, or the provider has answered meanwhile.",
    ),
}
