"""The catalogue of studies that can be asked for: what is taken, how to prepare, how long it usually takes (S60-S66).

Codes are LOINC; ФСЛИ is given where its code is known for certain. Names are (Russian, English).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.study_type import StudyType


class Material(StrEnum):
    VENOUS_BLOOD = "venous-blood"
    CAPILLARY_BLOOD = "capillary-blood"
    URINE = "urine"
    STOOL = "stool"
    SWAB = "swab"
    NONE = "none"


class Preparation(StrEnum):
    NONE = "none"
    FASTING = "fasting"
    FASTING_AND_REST = "fasting-and-rest"
    MORNING_PORTION = "morning-portion"
    BEFORE_ANTIBIOTICS = "before-antibiotics"
    NO_RINSING = "no-rinsing"
    FASTING_ABDOMEN = "fasting-abdomen"


@dataclass(frozen=True, slots=True)
class Study:
    """One study. `usual_days` is how long a result takes from the sample; `may_be_urgent`: laboratories make it
    out of turn too (S62)."""

    code: str
    names: tuple[str, str]
    study_type: StudyType
    material: Material
    preparation: Preparation
    usual_days: int
    may_be_urgent: bool = False
    fsli: str | None = None


_BLOOD, _FINGER, _URINE = Material.VENOUS_BLOOD, Material.CAPILLARY_BLOOD, Material.URINE
_FASTING, _ANY = Preparation.FASTING, Preparation.NONE
_COUNT, _BIO, _HORMONES = StudyType.BLOOD_COUNT, StudyType.BIOCHEMISTRY, StudyType.HORMONES
_COAGULATION, _MICRO, _GROUP = StudyType.COAGULATION, StudyType.MICROBIOLOGY, StudyType.BLOOD_GROUP
_IMAGE = StudyType.INSTRUMENTAL

_STUDIES = (
    Study("58410-2", ("Общий анализ крови", "Complete blood count"), _COUNT, _BLOOD, _ANY, 1, True),
    Study(
        "57021-8",
        ("Общий анализ крови с лейкоцитарной формулой", "Complete blood count with differential"),
        _COUNT,
        _BLOOD,
        _ANY,
        1,
        True,
    ),
    Study("718-7", ("Гемоглобин", "Haemoglobin"), _COUNT, _FINGER, _ANY, 1, True, "1017128"),
    Study("4544-3", ("Гематокрит", "Haematocrit"), _COUNT, _FINGER, _ANY, 1, True, "1017359"),
    Study("789-8", ("Эритроциты", "Erythrocytes"), _COUNT, _FINGER, _ANY, 1, True, "1017375"),
    Study("24323-8", ("Биохимический анализ крови", "Metabolic panel"), _BIO, _BLOOD, _FASTING, 2, True),
    Study("24331-1", ("Липидный профиль", "Lipid panel"), _BIO, _BLOOD, _FASTING, 2),
    Study("24325-3", ("Печёночные пробы", "Liver panel"), _BIO, _BLOOD, _FASTING, 2, True),
    Study("14749-6", ("Глюкоза", "Glucose"), _BIO, _BLOOD, _FASTING, 1, True),
    Study("14682-9", ("Креатинин", "Creatinine"), _BIO, _BLOOD, _FASTING, 1, True),
    Study(
        "24356-8",
        ("Общий анализ мочи", "Urinalysis"),
        StudyType.URINALYSIS,
        _URINE,
        Preparation.MORNING_PORTION,
        1,
        True,
    ),
    Study(
        "3016-3",
        ("Тиреотропный гормон (ТТГ)", "Thyrotropin"),
        _HORMONES,
        _BLOOD,
        Preparation.FASTING_AND_REST,
        3,
    ),
    Study(
        "3024-7", ("Тироксин свободный", "Free thyroxine"), _HORMONES, _BLOOD, Preparation.FASTING_AND_REST, 3
    ),
    Study(
        "3051-0",
        ("Трийодтиронин свободный", "Free triiodothyronine"),
        _HORMONES,
        _BLOOD,
        Preparation.FASTING_AND_REST,
        3,
    ),
    Study("5902-2", ("Протромбиновое время", "Prothrombin time"), _COAGULATION, _BLOOD, _FASTING, 1, True),
    Study(
        "14979-9", ("АЧТВ", "Activated partial thromboplastin time"), _COAGULATION, _BLOOD, _FASTING, 1, True
    ),
    Study("883-9", ("Группа крови (AB0)", "Blood group (AB0)"), _GROUP, _BLOOD, _ANY, 2, True),
    Study("10331-7", ("Резус-фактор", "Rh factor"), _GROUP, _BLOOD, _ANY, 2, True),
    Study("630-4", ("Посев мочи", "Urine culture"), _MICRO, _URINE, Preparation.BEFORE_ANTIBIOTICS, 7),
    Study(
        "625-4", ("Посев кала", "Stool culture"), _MICRO, Material.STOOL, Preparation.BEFORE_ANTIBIOTICS, 7
    ),
    Study(
        "94500-6",
        ("РНК коронавируса SARS-CoV-2", "SARS-CoV-2 RNA"),
        _MICRO,
        Material.SWAB,
        Preparation.NO_RINSING,
        2,
        True,
    ),
    Study(
        "24558-9",
        ("УЗИ органов брюшной полости", "Ultrasound of the abdomen"),
        _IMAGE,
        Material.NONE,
        Preparation.FASTING_ABDOMEN,
        1,
        True,
    ),
    Study(
        "36643-5",
        ("Рентгенография органов грудной клетки", "Chest X-ray"),
        _IMAGE,
        Material.NONE,
        _ANY,
        2,
        True,
    ),
    Study("11524-6", ("Электрокардиограмма", "Electrocardiogram"), _IMAGE, Material.NONE, _ANY, 1, True),
)
STUDIES: Mapping[str, Study] = {study.code: study for study in _STUDIES}
