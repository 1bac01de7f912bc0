"""What the generator can measure: tests with their LOINC codes, units, usual ranges by sex, and panels of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.values import Coding

LOINC = "http://loinc.org"
FSLI = "urn:oid:1.2.643.5.1.13.13.11.1080"
SNOMED = "http://snomed.info/sct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How a laboratory prints a unit, and its code in UCUM."""

    printed: str
    ucum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is usual; an end that does not matter is None. Decimals as they are printed."""

    low: str | None = None
    high: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer in words; `coding` where a terminology has it."""

    text: str
    coding: Coding | None = None
    is_usual: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurable:
    """One test. A number is drawn around the usual range of the patient's sex; without ranges one of
    `choices` is drawn, the first of them most often."""

    name: str
    name_latin: str
    loinc: str
    fsli: str | None = None
    unit: Unit | None = None
    ranges: Mapping[str, Range] = field(default_factory=dict)
    decimals: int = 1
    choices: tuple[Choice, ...] = ()

    def range_for(self, sex: str) -> Range | None:
        return self.ranges.get(sex) or self.ranges.get("any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What is ordered together from one specimen. `short` is the laboratory's own code of it."""

    short: str
    name: str
    name_latin: str
    loinc: str
    specimen: str
    tests: tuple[Measurable, ...]


def _unit(printed: str, ucum: str) -> Unit:
    return Unit(printed=printed, ucum=ucum)


def _any(low: str | None, high: str | None) -> Mapping[str, Range]:
    return {"any": Range(low=low, high=high)}


def _by_sex(male: tuple[str, str], female: tuple[str, str]) -> Mapping[str, Range]:
    return {
        "male": Range(low=male[0], high=male[1]),
        "female": Range(low=female[0], high=female[1]),
    }


def _number(
    name: str,
    name_latin: str,
    loinc: str,
    unit: Unit | None,
    ranges: Mapping[str, Range],
    *,
    decimals: int = 1,
    fsli: str | None = None,
) -> Measurable:
    return Measurable(
        name=name,
        name_latin=name_latin,
        loinc=loinc,
        unit=unit,
        ranges=ranges,
        decimals=decimals,
        fsli=fsli,
    )


def _words(name: str, name_latin: str, loinc: str, usual: str, *unusual: str) -> Measurable:
    choices = (Choice(text=usual), *(Choice(text=text, is_usual=False) for text in unusual))
    return Measurable(name=name, name_latin=name_latin, loinc=loinc, choices=choices)


G_L = _unit("г/л", "g/L")
MMOL_L = _unit("ммоль/л", "mmol/L")
UMOL_L = _unit("мкмоль/л", "umol/L")
U_L = _unit("Ед/л", "U/L")
PMOL_L = _unit("пмоль/л", "pmol/L")
PERCENT = _unit("%", "%")
MIC = _unit("мг/л", "mg/L")

BLOOD = Panel(
    short="OAK",
    name="Общий анализ крови",
    name_latin="Complete blood count",
    loinc="58410-2",
    specimen="Кровь венозная",
    tests=(
        _number(
            "Гемоглобин", "Hemoglobin", "718-7", G_L, _by_sex(("130", "160"), ("120", "140")),
            decimals=0, fsli="1017128",
        ),
        _number(
            "Эритроциты", "Erythrocytes", "789-8", _unit("10^12/л", "10*12/L"),
            _by_sex(("4.00", "5.60"), ("3.80", "5.10")), decimals=2, fsli="1017375",
        ),
        _number(
            "Гематокрит", "Hematocrit", "4544-3", PERCENT, _by_sex(("39.0", "49.0"), ("35.0", "45.0")),
            fsli="1017359",
        ),
        _number("Лейкоциты", "Leukocytes", "6690-2", _unit("10^9/л", "10*9/L"), _any("4.00", "9.00"), decimals=2),
        _number("Тромбоциты", "Platelets", "777-3", _unit("10^9/л", "10*9/L"), _any("150", "400"), decimals=0),
        _number("Средний объём эритроцита", "MCV", "787-2", _unit("фл", "fL"), _any("80.0", "100.0")),
        _number("Среднее содержание гемоглобина", "MCH", "785-6", _unit("пг", "pg"), _any("27.0", "34.0")),
        _number(
            "Скорость оседания эритроцитов", "ESR", "30341-2", _unit("мм/ч", "mm/h"),
            {"male": Range(high="10"), "female": Range(high="15")}, decimals=0,
        ),
    ),
)  # fmt: skip

CHEMISTRY = Panel(
    short="BIO",
    name="Биохимический анализ крови",
    name_latin="Metabolic panel",
    loinc="24323-8",
    specimen="Сыворотка крови",
    tests=(
        _number("Глюкоза", "Glucose", "14749-6", MMOL_L, _any("3.90", "6.10"), decimals=2),
        _number(
            "Креатинин", "Creatinine", "14682-9", UMOL_L, _by_sex(("62.0", "106.0"), ("44.0", "80.0"))
        ),
        _number("Мочевина", "Urea", "22664-7", MMOL_L, _any("2.5", "8.3")),
        _number("Общий белок", "Protein total", "2885-2", G_L, _any("64.0", "83.0")),
        _number("Билирубин общий", "Bilirubin total", "14631-6", UMOL_L, _any("3.4", "20.5")),
        _number("Аланинаминотрансфераза", "ALT", "1742-6", U_L, {"male": Range(high="41"), "female": Range(high="33")}, decimals=0),
        _number("Аспартатаминотрансфераза", "AST", "1920-8", U_L, {"male": Range(high="40"), "female": Range(high="32")}, decimals=0),
        _number("С-реактивный белок", "CRP", "1988-5", _unit("мг/л", "mg/L"), _any(None, "5.0")),
    ),
)  # fmt: skip

LIPIDS = Panel(
    short="LIP",
    name="Липидный профиль",
    name_latin="Lipid panel",
    loinc="24331-1",
    specimen="Сыворотка крови",
    tests=(
        _number("Холестерин общий", "Cholesterol", "14647-2", MMOL_L, _any(None, "5.20"), decimals=2),
        _number(
            "Холестерин ЛПВП", "HDL cholesterol", "14646-4", MMOL_L,
            {"male": Range(low="1.00"), "female": Range(low="1.20")}, decimals=2,
        ),
        _number("Холестерин ЛПНП", "LDL cholesterol", "22748-8", MMOL_L, _any(None, "3.00"), decimals=2),
        _number("Триглицериды", "Triglycerides", "14927-8", MMOL_L, _any(None, "1.70"), decimals=2),
    ),
)  # fmt: skip

THYROID = Panel(
    short="TIR",
    name="Гормоны щитовидной железы",
    name_latin="Thyroid panel",
    loinc="24348-5",
    specimen="Сыворотка крови",
    tests=(
        _number("Тиреотропный гормон", "TSH", "3016-3", _unit("мМЕ/л", "m[IU]/L"), _any("0.400", "4.000"), decimals=3),
        _number("Тироксин свободный", "T4 free", "14920-3", PMOL_L, _any("9.0", "19.0")),
        _number("Трийодтиронин свободный", "T3 free", "14928-6", PMOL_L, _any("2.60", "5.70"), decimals=2),
        _number("Антитела к тиреопероксидазе", "TPO antibodies", "8099-4", _unit("МЕ/мл", "[IU]/mL"), _any(None, "34.0")),
    ),
)  # fmt: skip

URINE = Panel(
    short="OAM",
    name="Общий анализ мочи",
    name_latin="Urinalysis",
    loinc="24356-8",
    specimen="Моча",
    tests=(
        _words("Цвет", "Color", "5778-6", "соломенно-желтый", "темно-желтый", "красноватый"),
        _words("Прозрачность", "Appearance", "5767-9", "прозрачная", "слегка мутная"),
        _number("Относительная плотность", "Specific gravity", "5811-5", None, _any("1.010", "1.025"), decimals=3),
        _number("Реакция", "pH", "5803-2", _unit("ед. pH", "[pH]"), _any("5.0", "7.0")),
        _words("Белок", "Protein", "20454-5", "не обнаружено", "следы", "1+"),
        _words("Глюкоза в моче", "Glucose", "25428-4", "не обнаружено", "1+"),
        _words("Кетоновые тела", "Ketones", "2514-8", "не обнаружено", "следы"),
        _words("Лейкоцитарная эстераза", "Leukocyte esterase", "5799-2", "отрицательно", "1+", "2+"),
        _words("Нитриты", "Nitrite", "5802-4", "отрицательно", "положительно"),
    ),
)  # fmt: skip

COVID = Panel(
    short="COV",
    name="РНК SARS-CoV-2, ПЦР",
    name_latin="SARS-CoV-2 RNA",
    loinc="94500-6",
    specimen="Мазок из носоглотки",
    tests=(
        Measurable(
            name="РНК SARS-CoV-2",
            name_latin="SARS-CoV-2 RNA",
            loinc="94500-6",
            choices=(
                Choice(text="не обнаружено", coding=Coding(system=SNOMED, code="260415000", display="Not detected")),
                Choice(text="обнаружено", coding=Coding(system=SNOMED, code="260373001", display="Detected"), is_usual=False),
            ),
        ),
    ),
)  # fmt: skip

# Its second half, susceptibilities, is drawn by a rule of its own: see `reports`.
CULTURE = Panel(
    short="BAK",
    name="Посев мочи с определением чувствительности",
    name_latin="Urine culture",
    loinc="630-4",
    specimen="Моча",
    tests=(
        Measurable(
            name="Выделенный микроорганизм",
            name_latin="Organism",
            loinc="630-4",
            choices=(
                Choice(text="Escherichia coli", coding=Coding(system=SNOMED, code="112283007", display="Escherichia coli"), is_usual=False),
                Choice(text="Klebsiella pneumoniae", coding=Coding(system=SNOMED, code="56415008", display="Klebsiella pneumoniae"), is_usual=False),
            ),
        ),
    ),
)  # fmt: skip
ANTIBIOTICS = (
    Measurable(name="Ампициллин", name_latin="Ampicillin", loinc="18864-9", unit=MIC),
    Measurable(name="Ципрофлоксацин", name_latin="Ciprofloxacin", loinc="18906-8", unit=MIC),
)

PANELS = (BLOOD, CHEMISTRY, LIPIDS, THYROID, URINE, CULTURE, COVID)
