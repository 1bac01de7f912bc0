"""Problems of finding whose a report is: why a person has to decide, and why a decision is refused."""

from api.explanations.words import Explanation, say

MATCHING: dict[str, Explanation] = {
    "identity-contradicts": say(
        202,
        "Отчёт записан и ждёт: номер принадлежит пациенту с другой фамилией и датой рождения.",
        "The report is recorded and waits: the number is of a patient with another name and birth date.",
        "Проверьте номер и данные пациента; если они неверны, отправьте исправленный отчёт.",
        "Check the patient's number, name and birth date; if they are wrong, send a corrected report.",
    ),
    "match-not-proposed": say(
        409,
        "Ничто не указывает, что отчёт принадлежит этому пациенту.",
        "Nothing proposes that the report is this patient's.",
        "Возьмите пару из списка сопоставлений (`letopis match list`): других нельзя ни показать, ни подтвердить.",
        "Take a pair of the list of matches (`letopis match list`): no other can be shown or confirmed.",
    ),
    "match-contradicted": say(
        409,
        "Верный номер в отчёте принадлежит другому человеку: подтвердить нельзя.",
        "A good number in the report is another person's: the match can't be confirmed.",
        "Отклоните предложение или попросите лабораторию прислать исправленный отчёт.",
        "Decline the proposal, or ask the laboratory for a corrected report.",
    ),
    "report-not-waiting": say(
        409,
        "Отчёт не ждёт этого пациента: он уже чей-то, отозван или был изъят у этого пациента.",
        "The report does not wait for this patient: it has one, was taken back, or was taken from this one.",
        "Обновите список сопоставлений (`letopis match list`).",
        "Look at the list of matches again (`letopis match list`).",
    ),
    "report-not-found": say(
        404,
        "Такого отчёта нет, или его данные уничтожены.",
        "There is no such report, or its data was erased.",
        "Проверьте номер отчёта.",
        "Check the report's id.",
    ),
    "patient-not-found": say(
        404,
        "Такого пациента нет.",
        "There is no such patient.",
        "Проверьте псевдоним пациента.",
        "Check the patient's pseudonym.",
    ),
    "laboratory-not-found": say(
        404,
        "Лаборатория с таким именем не зарегистрирована.",
        "No laboratory is registered under this handle.",
        "Проверьте имя, с которым её добавили: `letopis lab add`.",
        "Check the handle that it was added under: `letopis lab add`.",
    ),
    "laboratory-patient-id-taken": say(
        409,
        "Этот номер лаборатории уже связан с другим пациентом.",
        "This number of the laboratory is linked with another patient already.",
        "Выясните, чей он. Отчёт можно подтвердить и без номера: снимите отметку (`--no-link-id`).",
        "Find out whose it is. The report can be confirmed without the number: untick it (`--no-link-id`).",
    ),
    "laboratory-patient-id-unknown": say(
        404,
        "Этот номер лаборатории не связан с этим пациентом.",
        "This number of the laboratory is not linked with this patient.",
        "Проверьте номер, систему и пациента.",
        "Check the number, its system and the patient.",
    ),
    "laboratory-patient-id-filler": say(
        422,
        "Это не номер: в нём нет ни одной цифры, кроме нуля.",
        "This is no number: it has no digit other than zero.",
        "Укажите номер, которым лаборатория называет одного пациента.",
        "Give the number by which the laboratory names one patient.",
    ),
    "laboratory-patient-id-system": say(
        422,
        "Это система полисов или СНИЛС, а не собственные номера лаборатории.",
        "This is the system of policy numbers or СНИЛС, not of the laboratory's own numbers.",
        "Такие номера узнаются сами: связывать их не нужно.",
        "Such numbers are recognised by themselves: they need no link.",
    ),
}
