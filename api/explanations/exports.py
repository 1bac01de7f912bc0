"""Problems of exports."""

from api.explanations.words import Explanation, say

EXPORTS: dict[str, Explanation] = {
    "export-not-ready": say(
        409,
        "Выгружать ещё нечего: система не подтвердила ни одной записи.",
        "There is nothing to export yet: the system has not vouched for any record.",
        "Подождите минуту и повторите. Система подтверждает новые записи раз в минуту.",
        "Wait for a minute and try again. The system vouches for new records once a minute.",
    ),
    "export-gone": say(
        404,
        "Такой выгрузки нет.",
        "There is no such export.",
        "Её удалили, или её запросил другой клиент. Запросите новую: POST /v1/fhir/$export.",
        "It was deleted, or another client asked for it. Ask for a new one: POST /v1/fhir/$export.",
    ),
    "export-client-unknown": say(
        401,
        "Ключ доступа не подходит.",
        "The bearer token is not good.",
        "Ключ выдаёт команда letopis export client сотруднику с ролью compliance; он действует год, пока сотрудник не уволен.",
        "The command letopis export client gives one to a member with the role compliance; it is good for a year, while the"
        " member is not dismissed.",
    ),
    "export-request-unfit": say(
        400,
        "Запрос выгрузки составлен не по правилам Bulk Data.",
        "The request for an export is not as Bulk Data has it.",
        "Нужны Prefer: respond-async, _outputFormat NDJSON, _since с часовым поясом, _type из Patient, DiagnosticReport, Observation, Specimen.",
        "Needed are Prefer: respond-async, an _outputFormat of NDJSON, _since with a time zone, _type of Patient,"
        " DiagnosticReport, Observation, Specimen.",
    ),
}
