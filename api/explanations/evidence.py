"""Problems of evidence that is handed out."""

from api.explanations.words import Explanation, say

EVIDENCE: dict[str, Explanation] = {
    "evidence-not-ready": say(
        409,
        "Доказательства ещё нет: запись слишком новая.",
        "There is no proof yet: the record is too new.",
        "Подождите минуту и повторите. Система подтверждает новые записи раз в минуту.",
        "Wait for a minute and try again. The system vouches for new records once a minute.",
    ),
}
