"""A made-up registry of medical organisations of realistic size and names, in the columns of НСИ 1461.

For tests, benchmarks and trials: every number has right check digits and stands for nobody. The same seed gives the
same organisations.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

TODAY = date(2026, 11, 1)
_REGIONS: dict[str, tuple[str, ...]] = {
    "Москва": ("Москва", "Зеленоград", "Троицк"),
    "Санкт-Петербург": ("Санкт-Петербург", "Колпино", "Пушкин", "Кронштадт"),
    "Московская область": ("Химки", "Мытищи", "Подольск", "Коломна", "Серпухов", "Люберцы", "Королёв"),
    "Ленинградская область": ("Гатчина", "Выборг", "Тихвин", "Всеволожск", "Сосновый Бор"),
    "Свердловская область": ("Екатеринбург", "Нижний Тагил", "Каменск-Уральский", "Первоуральск"),
    "Республика Татарстан": ("Казань", "Набережные Челны", "Нижнекамск", "Альметьевск", "Зеленодольск"),
    "Пензенская область": ("Пенза", "Кузнецк", "Заречный", "Сердобск"),
    "Новосибирская область": ("Новосибирск", "Бердск", "Искитим", "Куйбышев"),
    "Краснодарский край": ("Краснодар", "Сочи", "Новороссийск", "Армавир", "Анапа"),
    "Нижегородская область": ("Нижний Новгород", "Дзержинск", "Арзамас", "Саров"),
    "Самарская область": ("Самара", "Тольятти", "Сызрань", "Чапаевск"),
    "Ростовская область": ("Ростов-на-Дону", "Таганрог", "Шахты", "Азов"),
    "Челябинская область": ("Челябинск", "Магнитогорск", "Златоуст", "Миасс"),
    "Республика Башкортостан": ("Уфа", "Стерлитамак", "Салават", "Нефтекамск"),
    "Пермский край": ("Пермь", "Березники", "Соликамск", "Лысьва"),
    "Красноярский край": ("Красноярск", "Норильск", "Ачинск", "Канск"),
    "Воронежская область": ("Воронеж", "Борисоглебск", "Россошь", "Лиски"),
    "Волгоградская область": ("Волгоград", "Волжский", "Камышин"),
    "Саратовская область": ("Саратов", "Энгельс", "Балаково", "Вольск"),
    "Тюменская область": ("Тюмень", "Тобольск", "Ишим"),
    "Иркутская область": ("Иркутск", "Братск", "Ангарск"),
    "Приморский край": ("Владивосток", "Находка", "Уссурийск"),
    "Хабаровский край": ("Хабаровск", "Комсомольск-на-Амуре"),
    "Ярославская область": ("Ярославль", "Рыбинск", "Тутаев"),
    "Тверская область": ("Тверь", "Ржев", "Вышний Волочёк"),
    "Тульская область": ("Тула", "Новомосковск", "Щёкино"),
    "Рязанская область": ("Рязань", "Касимов", "Скопин"),
    "Калужская область": ("Калуга", "Обнинск", "Малоярославец"),
    "Орловская область": ("Орёл", "Мценск", "Ливны"),
    "Кировская область": ("Киров", "Слободской", "Вятские Поляны"),
}
_STATE = (
    ("Государственное бюджетное учреждение здравоохранения", "ГБУЗ"),
    ("Государственное автономное учреждение здравоохранения", "ГАУЗ"),
    ("Федеральное государственное бюджетное учреждение", "ФГБУ"),
    ("Муниципальное бюджетное учреждение здравоохранения", "МБУЗ"),
)
_PRIVATE = (("Общество с ограниченной ответственностью", "ООО"), ("Акционерное общество", "АО"))
# Full name, short name, kind as the registry puts it.
_NUMBERED = (
    ("Городская поликлиника", "ГП", "Поликлиника"),
    ("Детская городская поликлиника", "ДГП", "Поликлиника"),
    ("Стоматологическая поликлиника", "СП", "Стоматологическая поликлиника"),
    ("Городская клиническая больница", "ГКБ", "Городская больница"),
    ("Детская городская больница", "ДГБ", "Детская больница"),
    ("Городская больница", "ГБ", "Городская больница"),
    ("Женская консультация", "ЖК", "Женская консультация"),
)
_BRANDS = (
    "Здоровье", "Медлайн", "Гармония", "Семейный доктор", "Авиценна", "Эскулап", "Доктор Плюс", "Медика", "Панацея",
    "Альфа-Мед", "Лабдиагностика", "Биотест", "Гемоскрин", "Цитолаб", "Новая клиника", "Белая роза", "Северный ветер",
    "Парацельс", "Клиника № 1", "Добрый врач", "Медэксперт", "Профилаб", "Витамед", "Лаборатория XXI век", "Аналит",
    "Гиппократ", "Ваш доктор", "Источник", "Медси Плюс", "Юнилаб", "Диамед", "Созвездие", "Олимп", "Рассвет",
)  # fmt: skip
_DONORS = (
    "Иванова",
    "Пирогова",
    "Боткина",
    "Семашко",
    "Бурденко",
    "Склифосовского",
    "Вишневского",
    "Филатова",
)
_DEPARTMENTS = (
    ("01", "Клинико-диагностическая лаборатория"),
    ("02", "Отделение функциональной диагностики"),
    ("03", "Рентгеновское отделение"),
    ("04", "Женская консультация"),
)
_STREETS = ("Ленина", "Мира", "Советская", "Гагарина", "Садовая", "Победы", "Кирова", "Школьная", "Лесная")

# Of these names are made up, so that a registry has as many words as a real one: villages, brands, surnames.
_BEGINNINGS = (
    "", "Ново", "Старо", "Верхне", "Нижне", "Средне", "Красно", "Бело", "Черно", "Мало", "Больше", "Зелено", "Усть-",
)  # fmt: skip
_STEMS = (
    "петров", "иван", "михайл", "никол", "троиц", "успен", "покров", "берез", "сосн", "дубр", "ольх", "камен", "песчан",
    "озер", "речен", "лугов", "полян", "звенигор", "воскресен", "архангел", "тимоф", "федос", "григор", "андре", "яковл",
    "степан", "матве", "захар", "прохор", "игнат", "лукьян", "кузьм", "терент", "савел", "ермол", "гавр", "филипп",
    "макар", "нестер", "остап", "платон", "родион", "спирид", "тарас", "ульян", "харитон", "шевел", "щерб", "юрьев",
    "бобр", "волч", "журавл", "зайч", "коршун", "лебеж", "медвеж", "орл", "соколь", "тетер", "хомут", "черемш", "яблон",
)  # fmt: skip
_VILLAGE_ENDINGS = ("ка", "ское", "ово", "ино", "овка", "енка", "ищи", "овское", "аново", "ичи")
_BRAND_STEMS = (
    "вита", "меди", "дента", "сани", "аква", "био", "гемо", "кардио", "нео", "опти", "прима", "евро", "гранд", "люкс",
    "орто", "педи", "рево", "сана", "терра", "уни", "фарма", "цито", "эко", "эндо", "альфа", "вера", "гала", "дива",
    "зори", "инва", "кора", "лада", "мира", "нота", "панде", "роса", "сила", "тона", "фели", "хели", "юни", "ясна",
)  # fmt: skip
_BRAND_ENDINGS = (
    "мед", "лаб", "дент", "клиник", "лайф", "сервис", "центр", "тест", "док", "вит", "скан", "люкс", "плюс", "стом",
    "вет", "ника", "лин", "тек", "форте", "стар", "вэй", "кэр", "диагност", "профи", "эксперт", "гарант", "марин",
)  # fmt: skip
_SURNAME_ENDINGS = (
    "ов",
    "ова",
    "ев",
    "ева",
    "енко",
    "ский",
    "ская",
    "ин",
    "ина",
    "ич",
    "чук",
    "ян",
    "овский",
)

Line = dict[str, Any]


def _village(chance: Random) -> str:
    name = chance.choice(_BEGINNINGS) + chance.choice(_STEMS) + chance.choice(_VILLAGE_ENDINGS)
    return name[0].upper() + name[1:]


def _brand(chance: Random) -> str:
    """One that everybody chooses, or one that is made up."""
    if chance.random() < 0.3:
        return chance.choice(_BRANDS)
    name = chance.choice(_BRAND_STEMS) + chance.choice(_BRAND_ENDINGS)
    return name[0].upper() + name[1:]


def _surname(chance: Random) -> str:
    return (chance.choice(_STEMS) + chance.choice(_SURNAME_ENDINGS)).capitalize()


def organisations(count: int, *, seed: int = 1) -> Iterator[Line]:
    """Lines of the registry, as JSON has them."""
    chance = Random(seed)  # noqa: S311 - made-up data
    places = [(region, city) for region, cities in _REGIONS.items() for city in cities]
    for number in range(1, count + 1):
        region, city = chance.choice(places)
        if chance.random() < 0.35:
            city = _village(chance)
        full, short, kind = _names(chance, city, number)
        yield {
            "oid": f"1.2.643.5.1.13.13.12.2.{chance.randint(1, 99)}.{number}",
            "nameFull": full,
            "nameShort": short,
            "inn": inn_of(number),
            "kpp": f"{chance.randint(1, 99):02d}0101001",
            "ogrn": ogrn_of(number),
            "regionName": region,
            "areaName": city,
            "streetName": f"ул. {chance.choice(_STREETS)}",
            "house": str(chance.randint(1, 150)),
            "moAgencyKind": kind,
            "deleteDate": _closed(chance),
            **_certificate(chance, full, number),
            "departments": [
                {"code": code, "name": name}
                for code, name in chance.sample(_DEPARTMENTS, chance.randint(0, len(_DEPARTMENTS)))
            ],
        }


def _names(chance: Random, city: str, number: int) -> tuple[str, str, str]:
    draw = chance.random()
    if draw < 0.45:
        form, form_short = chance.choice(_STATE)
        name, name_short, kind = chance.choice(_NUMBERED)
        place = chance.randint(1, 250)
        donor = f" им. {chance.choice('АБВГН')}. {chance.choice('АВИПС')}. {chance.choice(_DONORS) if chance.random() < 0.3 else _surname(chance)}"
        named = donor if chance.random() < 0.2 else ""
        return (
            f"{form} «{name} № {place}{named}» г. {city}",
            f"{form_short} «{name_short} № {place}» г. {city}",
            kind,
        )
    if draw < 0.55:
        form, form_short = _STATE[0]
        area = f"{city.split('-', maxsplit=1)[0].split(maxsplit=1)[0]}ская"
        return (
            f"{form} «{area} центральная районная больница № {number % 40 + 1}»",
            f"{form_short} «{area} ЦРБ № {number % 40 + 1}»",
            "Районная больница",
        )
    form, form_short = _PRIVATE[draw > 0.95]
    brand = _brand(chance) if chance.random() < 0.85 else f"Клиника доктора {_surname(chance)}"
    kind = "Лаборатория" if "лаб" in brand.casefold() or chance.random() < 0.2 else "Поликлиника"
    what = "Лаборатория" if kind == "Лаборатория" else chance.choice(("Медицинский центр", "Клиника", "МЦ"))
    tail = f"-{city}" if chance.random() < 0.5 else f" {chance.randint(2, 99)}"
    return f"{form} «{what} «{brand}{tail}»", f"{form_short} «{brand}{tail}»", kind


def _closed(chance: Random) -> str | None:
    return (TODAY - timedelta(days=chance.randint(1, 3000))).isoformat() if chance.random() < 0.03 else None


def _certificate(chance: Random, full_name: str, number: int) -> Line:
    draw = chance.random()
    if draw < 0.02:
        return {"certificateNumber": None, "certificateValidUntil": None, "certificateName": None}
    ended = draw < 0.05
    days = -chance.randint(1, 700) if ended else chance.randint(60, 1800)
    return {
        "certificateNumber": f"РОСС RU.{number:07d}",
        "certificateValidUntil": (TODAY + timedelta(days=days)).isoformat(),
        "certificateName": full_name,
    }


def points(count: int, *, seed: int = 1) -> Iterator[Line]:
    """Points where the first organisations take samples, about three each."""
    chance = Random(seed)  # noqa: S311 - made-up data
    oids = [line["oid"] for line in organisations(max(1, count // 3), seed=seed)]
    for number in range(count):
        yield {
            "id": f"point-{number}",
            "oid": oids[number % len(oids)],
            "name": f"Пункт № {number % 9 + 1}",
            "address": f"ул. {chance.choice(_STREETS)}, {chance.randint(1, 150)}",
            "latitude": round(chance.uniform(43, 60), 6),
            "longitude": round(chance.uniform(30, 130), 6),
            "study_types": chance.choice(([], ["blood-count", "biochemistry"], ["urinalysis", "hormones"])),
        }


def inn_of(number: int) -> str:
    """An ИНН of an organisation with a right check digit."""
    digits = f"99{number:07d}"
    total = sum(int(d) * w for d, w in zip(digits, (2, 4, 10, 3, 5, 9, 4, 6, 8), strict=True))
    return f"{digits}{total % 11 % 10}"


def ogrn_of(number: int) -> str:
    """An ОГРН with a right check digit."""
    digits = f"109{number:09d}"
    return f"{digits}{int(digits) % 11 % 10}"
