"""Spellings of one name are one key; plainly different names are not; no text is too strange."""

import unicodedata
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.names import is_alike, is_part, key, keys_of, readings, words

# Each line is one name as patients, laboratories, passports of several years and foreign systems write it.
SPELLINGS = [
    "Щербакова Юлия|Shcherbakova Iuliia|Scherbakova Yulia|Shherbakova Yuliya|SHCHERBAKOVA, YULIIA",
    "Соловьёв|Соловьев|СОЛОВЬЁВ|Solovev|Solovyov|Soloviev|Solov'ev|Solov`yov|Solovjov",
    "Алексей|Aleksei|Aleksey|Aleksej|Alexey|Alexei",
    "Дмитрий|Dmitrii|Dmitry|Dmitriy|Dmitri|Dmitrij",
    "Татьяна|Tatiana|Tatyana|Tat'yana|Tatjana",
    "Хабибуллин|Khabibullin|Habibullin|Khabibulin",
    "Кузнецов|Kuznetsov|Kuznecov|Kuznetzov|Kuzneczov",
    "Подъячев|Podieiachev|Podyachev|Pod'yachev",
    "Объедков|Obieedkov|Obedkov|Obyedkov",
    "Фёдор|Федор|Fedor|Fyodor|Fjodor",
    "Елена|Elena|Yelena|Jelena",
    "Чайковский|Chaikovskii|Chaykovskiy|Chaykovskij|Tchaikovsky",
    "Александр|Aleksandr|Alexandr",
    "Михаил|Mikhail|Mihail",
    "Шмидт|Shmidt|Schmidt",
    "Любовь|Liubov|Lyubov|Ljubov|Lubov",
    "Евгений|Evgenii|Yevgeny|Evgeny|Evgeniy|Evgenij",
    "Григорьевна|Grigorevna|Grigoryevna|Grigor’evna",
    "Царёва|Царева|Tsareva|Tsaryova|Careva",
    "Жданов|Zhdanov|ЖДАНОВ",
    "Виктор|Viktor|Victor",
    "Петрова-Водкина|Петрова Водкина|Петрова\u2011Водкина|ПЕТРОВА – ВОДКИНА|Petrova-Vodkina|Водкина-Петрова",
    # Latin letters that look like ours, and one of ours in a Latin word.
    "Сомова|Cомова|Coмoвa|CОMОBА|Somova|Sоmova",
    # No-break spaces, marks of direction, soft hyphens, full width, decomposed letters, a stress mark.
    "Орлов Борис|Орлов\u00a0Борис|\u200fОрлов\u200e  Борис\u200b|Ор\u00adлов Борис|О\u0301рлов Борис|Ｏｒｌｏｖ Boris",
    "Йорданов|И\u0306орданов|Iordanov|Yordanov",
    "О’Генри|О'Генри|О`Генри|OGenri|O'Genri",
]


@pytest.mark.parametrize("line", SPELLINGS)
def test_spellings_of_a_name_are_one_key(line: str) -> None:
    assert len({key([spelling]) for spelling in line.split("|")}) == 1


_FAMILIES = """Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Федоров Морозов Волков
Алексеев Лебедев Семенов Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров Зайцев
Соловьев Борисов Яковлев Григорьев Романов Воробьев Сергеев Кузьмин Фролов Александров Дмитриев Королев Гусев
Киселев Ильин Максимов Поляков Сорокин Виноградов Ковалев Белов Медведев Антонов Тарасов Жуков Баранов Филиппов
Комаров Давыдов Беляев Герасимов Богданов Осипов Сидоров Матвеев Титов Марков Миронов Крылов Куликов Карпов
Власов Мельников Денисов Гаврилов Тихонов Казаков Афанасьев Данилов Савельев Тимофеев Фомин Чернов Абрамов
Мартынов Ефимов Федотов Щербаков Назаров Калинин Исаев Чернышев Быков Маслов Родионов Коновалов Лазарев Воронин
Климов Филатов Пономарев Голубев Кудрявцев Прохоров Наумов Потапов Журавлев Овчинников Трофимов Леонов Соболев
Ермаков Колесников Гончаров Емельянов Никифоров Грачев Котов Гришин Ефремов Архипов Громов Кириллов Малышев
Панов Моисеев Румянцев Акимов Кондратьев Бирюков Горбунов Анисимов Еремин Тихомиров Галкин Лукьянов Михеев
Скворцов Юдин Белоусов Нестеров Симонов Прокофьев Харитонов Князев Цветков Левин Митрофанов Воронов Аксенов
Софронов Мальцев Логинов Горшков Савин Краснов Майоров Демидов Елисеев Рыбаков Сафонов Плотников Демин Хохлов
Фадеев Молчанов Игнатов Литвинов Ершов Ушаков Дементьев Рябов Мухин Калашников Леонтьев Лобанов Кузин Корнеев
Евдокимов Бородин Платонов Некрасов Балашов Бобров Жданов Блинов Игнатьев Коротков Муравьев Крюков Беляков
Плаксин Плахин Шубин Чубин Жилин Зилин Цыганов"""
_GIVEN = """Александр Сергей Владимир Андрей Алексей Николай Дмитрий Иван Михаил Евгений Виктор Юрий Анатолий
Василий Игорь Виталий Олег Геннадий Павел Валентин Владислав Борис Роман Виталина Максим Константин Григорий
Егор Никита Артём Денис Илья Кирилл Антон Станислав Степан Тимофей Фёдор Лев Марк Матвей Яков Арсений Анна Мария
Марина Елена Ольга Наталья Екатерина Татьяна Ирина Светлана Юлия Людмила Анастасия Галина Валентина Надежда
Любовь Вера Дарья Алина Арина Алла Алёна Ксения Полина Виктория Оксана Лариса Тамара Раиса Зоя Нина Инна
Жанна Яна Эльвира Диана Кристина Вероника Маргарита Софья Варвара Василиса Милана Злата Карина"""
FAMILIES = _FAMILIES.split()
# Without the forms of one name, which are one key: Мария and Марья, Наталья and Наталия, Софья and София.
GIVEN = _GIVEN.split()


@pytest.mark.parametrize("names", [FAMILIES, GIVEN], ids=["families", "given"])
def test_different_names_are_different_keys(names: list[str]) -> None:
    assert len({key([name]) for name in names}) == len(set(names))


def test_plainly_different_family_names_are_not_alike() -> None:
    alike = [pair for pair in combinations(FAMILIES[:40], 2) if is_alike(words(pair[0]), words(pair[1]))]
    assert len(alike) < 40 * 39 / 2 * 0.03


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Соколова", "Соколов"),
        ("Чайковский", "Chaikovskaya"),
        ("Щербакова", "Щербокова"),
        ("Петрова-Водкина", "Петрова"),
        ("Смирнова", "СМИРНОВА"),
    ],
)
def test_a_slip_or_the_other_gender_is_alike(one: str, other: str) -> None:
    assert is_alike(words(one), words(other))


@pytest.mark.parametrize(("one", "other"), [("Соколова", "Орлова"), ("Петрова", "Петренко"), ("Ли", "Ким")])
def test_another_name_is_not_alike(one: str, other: str) -> None:
    assert not is_alike(words(one), words(other))


def test_a_part_of_a_name_or_an_initial_is_a_part() -> None:
    whole = words("Анна Петровна")
    assert is_part(words("Анна"), whole) and is_part(whole, words("Анна"))
    assert is_part(words("А. П."), whole) and is_part(words("Анна П"), whole)
    assert not is_part(words("Мария Петровна"), whole)
    assert not is_part(words("Б."), whole)


# Whole names.


def test_a_name_is_one_whatever_the_order_of_its_parts() -> None:
    whole = keys_of("Соколова", ("Анна", "Петровна"))
    for other in (
        keys_of("СОКОЛОВА", ("Петровна", "Анна")),
        keys_of("Sokolova", ("Anna Petrovna",)),
        keys_of(None, (), "Анна Петровна Соколова"),
        keys_of(None, (), "Соколова, Анна Петровна"),
    ):
        assert whole.fits(other) and other.fits(whole)


def test_a_patronymic_may_be_missing_on_one_side() -> None:
    whole, short = keys_of("Соколова", ("Анна", "Петровна")), keys_of("Соколова", ("Анна",))
    assert whole.fits(short) and short.fits(whole)
    assert keys_of(None, (), "Соколова Анна").fits(whole)
    assert keys_of(None, (), "Анна Петровна Соколова").fits(short)


def test_a_patronymic_that_differs_is_another_person() -> None:
    assert not keys_of("Соколова", ("Анна", "Петровна")).fits(keys_of("Соколова", ("Анна", "Ивановна")))
    text = keys_of(None, (), "Соколова Анна Ивановна")
    assert not keys_of("Соколова", ("Анна", "Петровна")).fits(text)


def test_one_word_is_too_little() -> None:
    for name in (
        keys_of("Соколова", ()),
        keys_of(None, ("Анна",)),
        keys_of(None, (), "Соколова"),
        keys_of(None, ()),
    ):
        assert not name.whole and not name.parts
    assert not keys_of("Соколова", ()).fits(keys_of("Соколова", ()))


def test_what_has_no_letters_is_no_name() -> None:
    for name in (keys_of("-", ("Анна", "Петровна")), keys_of("Петрова-Водкина", ("?",))):
        assert not name.whole and not name.parts


def test_x_is_read_both_ways() -> None:
    assert readings("Maxim") == ("Maxim", "Makhim")
    assert readings("Соколова") == ("Соколова",)
    assert keys_of("Петров", ("Максим",)).fits(keys_of("Petrov", ("Maxim",)))
    assert keys_of("Петров", ("Михаил",)).fits(keys_of("Petrov", ("Mixail",)))


# Whatever the text.

anything = st.text(max_size=40)
names = st.lists(st.sampled_from(FAMILIES + GIVEN), min_size=1, max_size=4)


@given(anything)
def test_no_text_is_too_strange_and_a_key_is_its_own_key(text: str) -> None:
    once = key([text])
    assert key([once]) == once
    for word in once.split():
        assert words(word) == (word,)
    found = keys_of(text, (text,), text)
    assert not found.whole or found.fits(found)


@given(st.text(alphabet=st.characters(codec=None, categories=["L", "M", "Cs", "Cf", "P"]), max_size=30))
def test_a_key_can_be_stored(text: str) -> None:
    key([text]).encode()


@given(names, st.data())
def test_case_marks_spaces_and_order_change_nothing(parts: list[str], data: st.DataObject) -> None:
    expected = key(parts)
    ways = st.sampled_from(
        [
            str.upper,
            str.lower,
            lambda text: unicodedata.normalize("NFD", text),
            lambda text: unicodedata.normalize("NFKD", text),
            lambda text: text.replace("ё", "е"),
            lambda text: text.replace("е", "ё"),
            lambda text: "\u0301".join(text) + "\u0301",
            lambda text: "\u200e" + text + "\u200f",
            lambda text: text.translate(
                str.maketrans("аеосрхАЕОСРХВНКМТ", "aeocpxAEOCPXBHKMT"),
            ),
        ]
    )
    changed = [
        data.draw(ways)(part) if not part.isascii() else part for part in data.draw(st.permutations(parts))
    ]
    # A word that is all look-alikes has no letter left that says it is ours.
    if all(any("\u0400" <= char <= "\u052f" for char in part) for part in changed):
        separator = data.draw(st.sampled_from([" ", "  ", "\u00a0", "-", "\u2011", " - ", ", ", "\t"]))
        assert key([separator.join(changed)]) == expected


_RULES = {
    # ICAO Doc 9303 (passports now), GOST 7.79-B, passports of 1997 (order 310), and what people write.
    "icao": {
        "ё": "e",
        "й": "i",
        "х": "kh",
        "ц": "ts",
        "щ": "shch",
        "ъ": "ie",
        "ы": "y",
        "ь": "",
        "э": "e",
        "ю": "iu",
        "я": "ia",
    },
    "gost": {
        "ё": "yo",
        "й": "j",
        "х": "kh",
        "ц": "cz",
        "щ": "shh",
        "ъ": "``",
        "ы": "y'",
        "ь": "`",
        "э": "e`",
        "ю": "yu",
        "я": "ya",
    },
    "1997": {
        "ё": "e",
        "й": "y",
        "х": "kh",
        "ц": "ts",
        "щ": "shch",
        "ъ": "",
        "ы": "y",
        "ь": "",
        "э": "e",
        "ю": "yu",
        "я": "ya",
    },
    "people": {
        "ё": "yo",
        "й": "y",
        "х": "h",
        "ц": "ts",
        "щ": "sch",
        "ъ": "",
        "ы": "y",
        "ь": "'",
        "э": "e",
        "ю": "yu",
        "я": "ya",
    },
}
_PLAIN = dict(zip("абвгдезиклмнопрстуф", "abvgdeziklmnoprstuf", strict=True)) | {
    "ж": "zh",
    "ч": "ch",
    "ш": "sh",
}


@pytest.mark.parametrize("rule", sorted(_RULES))
def test_every_common_name_is_known_again_in_every_transliteration(rule: str) -> None:
    table = _PLAIN | _RULES[rule]
    latin = {name: "".join(table[char] for char in name.lower()) for name in FAMILIES + GIVEN}
    assert [name for name, text in latin.items() if key([text]) != key([name])] == []
