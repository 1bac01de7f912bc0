"""Names of organisations made comparable: abbreviations opened, endings cut, other keyboards understood.

«ГБУЗ «ГП № 5»» and «Городская поликлиника 5, государственное бюджетное учреждение здравоохранения» have the
same words. What a person types is read in several ways, for a name may have been typed on the other keyboard.
"""

import re
from collections.abc import Iterator, Mapping

# What stands in names of medical organisations for several words, in the form in which words are compared.
_ABBREVIATIONS: Mapping[str, str] = {
    "ооо": "общество ограниченной ответственностью",
    "ао": "акционерное общество",
    "пао": "публичное акционерное общество",
    "зао": "закрытое акционерное общество",
    "ип": "индивидуальный предприниматель",
    "ано": "автономная некоммерческая организация",
    "гбуз": "государственное бюджетное учреждение здравоохранения",
    "гауз": "государственное автономное учреждение здравоохранения",
    "гкуз": "государственное казенное учреждение здравоохранения",
    "гуз": "государственное учреждение здравоохранения",
    "гбу": "государственное бюджетное учреждение",
    "бу": "бюджетное учреждение",
    "буз": "бюджетное учреждение здравоохранения",
    "муз": "муниципальное учреждение здравоохранения",
    "мбуз": "муниципальное бюджетное учреждение здравоохранения",
    "огбуз": "областное государственное бюджетное учреждение здравоохранения",
    "кгбуз": "краевое государственное бюджетное учреждение здравоохранения",
    "фгбу": "федеральное государственное бюджетное учреждение",
    "фгбуз": "федеральное государственное бюджетное учреждение здравоохранения",
    "чуз": "частное учреждение здравоохранения",
    "гб": "городская больница",
    "гкб": "городская клиническая больница",
    "дгкб": "детская городская клиническая больница",
    "дгб": "детская городская больница",
    "гп": "городская поликлиника",
    "дгп": "детская городская поликлиника",
    "гдп": "городская детская поликлиника",
    "сп": "стоматологическая поликлиника",
    "рб": "районная больница",
    "црб": "центральная районная больница",
    "цгб": "центральная городская больница",
    "окб": "областная клиническая больница",
    "ккб": "краевая клиническая больница",
    "ркб": "республиканская клиническая больница",
    "мсч": "медико санитарная часть",
    "кдц": "консультативно диагностический центр",
    "кдл": "клинико диагностическая лаборатория",
    "мц": "медицинский центр",
    "нмиц": "национальный медицинский исследовательский центр",
    "нии": "научно исследовательский институт",
    "сзо": "северо западный округ",
    "спб": "санкт петербург",
    "мск": "москва",
    "екб": "екатеринбург",
    "обл": "область",
    "респ": "республика",
}
_SAY_NOTHING = frozenset({"имени", "им", "для", "при", "город", "россии", "рф"})
_WORD = re.compile(r"[a-z]+|[а-я]+|\d+")
# The longest first: what is left of a word must still be one.
_ENDINGS = (
    "ыми", "ими", "ого", "его", "ому", "ему", "ами", "ями", "ая", "яя", "ое", "ее", "ой", "ей", "ый", "ий", "ые", "ие",
    "ых", "их", "ую", "юю", "ом", "ем", "ам", "ям", "ах", "ях", "ов", "ев", "а", "я", "о", "е", "и", "ы", "у", "ю", "ь",
    "й",
)  # fmt: skip
_STEM_MIN = 4

_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)
_SOUNDS = (
    ("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("ch", "ч"), ("sh", "ш"), ("yu", "ю"),
    ("ya", "я"), ("iu", "ю"), ("ia", "я"), ("yo", "е"), ("ph", "ф"),
    *zip("abvgdezijklmnoprstufhcywxq", "абвгдезийклмнопрстуфхкйвкк", strict=True),
)  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """The words by which a name is compared, in their order, each once.

    >>> words("ГБУЗ «ГП № 5»") == words("Государственное бюджетное учреждение здравоохранения городская поликлиника N5")
    True
    """
    plain = text.casefold().replace("ё", "е")
    found = dict.fromkeys(
        _stem(word)
        for written in _WORD.findall(plain)
        for word in _ABBREVIATIONS.get(written, written).split()
        if word not in _SAY_NOTHING and (len(word) > 1 or word.isdigit())
    )
    return tuple(found)


def is_same_name(one: str, other: str) -> bool:
    """Whether two names differ in nothing but case, quotes, Ё, abbreviations, and the order of words."""
    return bool(words(one)) and frozenset(words(one)) == frozenset(words(other))


def readings(typed: str) -> tuple[str, ...]:
    """How what was typed may be meant: as it stands, on the other keyboard, in the other alphabet.

    >>> "поликлиника" in readings("gjkbrkbybrf")
    True
    """
    text = typed.casefold()
    if not re.search(r"[a-z]", text):
        return (text, text.translate(_TO_LATIN)) if re.search(r"[а-яё]", text) else (text,)
    sounded = text
    for latin, cyrillic in _SOUNDS:
        sounded = sounded.replace(latin, cyrillic)
    return tuple(dict.fromkeys((text, text.translate(_TO_CYRILLIC), sounded)))


def spellings(word: str) -> Iterator[str]:
    """The word, and what is left of it without any one letter: two words that differ by a slip share one of
    these. A number is itself only: 5 is not 15."""
    yield word
    if len(word) >= _STEM_MIN and not word.isdigit():
        yield from {word[:place] + word[place + 1 :] for place in range(len(word))}


def slips(one: str, other: str) -> int:
    """How many letters must be put in, left out, changed or swapped to make one word the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_MIN:
            return word[: -len(ending)]
    return word
