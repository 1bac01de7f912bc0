"""Names: how a person's name is written so that two spellings of it can be compared.

A comparison key is Latin, in small letters, without marks. Cyrillic is transliterated by the rules of passports
(ICAO Doc 9303, as the order of the МИД has them); what other and older rules write in other ways is then folded
together: ya/ia, yu/iu, ts/c, kh/h, shch/sch/sh, doubled letters, endings in -ij, -iy, -y. The key is for comparison
only: it is coarser than any spelling, and a name is kept and shown as it was sent.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# Letters that look alike, of which a mistaken keyboard makes one word: Latin to Cyrillic.
_LOOK_ALIKE = dict(zip("ABCEHKMOPTXYaceopxyikmt", "АВСЕНКМОРТХУасеорхуикмт", strict=True))
_TO_CYRILLIC = str.maketrans(_LOOK_ALIKE)
_TO_LATIN = str.maketrans({cyrillic: latin for latin, cyrillic in _LOOK_ALIKE.items()})
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_LATIN = re.compile(r"[A-Za-z]")

# ICAO Doc 9303, part 3, section 6, table B, for the letters as they are without their marks: й is и, ё is е.
_TRANSLITERATION = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфы", "abvgdeziiklmnoprstufy", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "э": "e", "ю": "iu", "я": "ia"}
    # The signs are written by some rules (ie, quotes) and left out by most.
    | {"ъ": "", "ь": ""}
    # Letters of neighbours that have no mark to take off.
    | {"і": "i", "ј": "i", "є": "ie", "ґ": "g", "ғ": "g", "қ": "k", "ҡ": "k", "ң": "n", "ҥ": "n"}
    | {"ө": "o", "ү": "u", "ұ": "u", "һ": "kh", "ҳ": "kh", "ә": "a", "җ": "zh", "ҷ": "ch", "ђ": "d", "ћ": "c"}
    | {"љ": "l", "њ": "n", "џ": "dzh", "ѓ": "g", "ќ": "k", "ѕ": "dz"}
    | {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "ə": "a", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)

# In this order: each step counts on those before it.
_FOLDING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), folded)
    for pattern, folded in (
        ("[yj]", "i"),
        ("w", "v"),
        ("q", "k"),
        ("tsch|tch", "ch"),
        ("shtch|shch|shh|sch", "sh"),
        ("tz|cz", "ts"),
        ("ck", "k"),
        # Кузнецов is Kuznecov, Виктор is Victor.
        ("c(?=[aeiou]|$)", "ts"),
        ("c(?!h)", "k"),
        ("ph", "f"),
        ("th", "t"),
        ("gh", "g"),
        ("(?<![szck])h", "kh"),
        ("x", "ks"),
        # The hard sign as passports write it, before a letter that begins with it anyway.
        ("ie(?=i[aou]|i?e)", ""),
        (r"(.)\1+", r"\1"),
        ("i[eo]", "e"),
        ("iu", "u"),
    )
)
_PASSES_MAX = 16
# Ш is an initial of two letters in Latin.
_INITIAL_MAX = 2
# Соколов and Соколова are alike, Петрова and Петренко are not.
_ALIKE = 0.75


def words(text: str) -> tuple[str, ...]:
    """The words of a name, each as its comparison key, in the order of the text.

    >>> words("Щербакова  Юлия") == words("Scherbakova Yulia") == words("SHCHERBAKOVA IULIIA")
    True
    """
    found = (_key(_one_script(word)) for word in _split(unicodedata.normalize("NFKC", text)))
    return tuple(word for key in found for word in key.split())


def key(names: Iterable[str]) -> str:
    """One key of a whole name, whatever the order of its parts."""
    return " ".join(sorted(word for name in names for word in words(name)))


def readings(text: str) -> tuple[str, ...]:
    """The text, and how else it can be read: in Latin, x is кс (Maxim) or, by ГОСТ 7.79, х (Mixail)."""
    other = re.sub("[xX]", "kh", text)
    return (text,) if other == text or _CYRILLIC.search(text) else (text, other)


def is_part(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether the words of the shorter name are all in the other; a letter stands for a word it begins."""
    shorter, longer = sorted((tuple(one), tuple(other)), key=len)
    return all(any(_is_same_word(word, name) for name in longer) for word in shorter)


def _is_same_word(one: str, other: str) -> bool:
    initial, word = sorted((one, other), key=len)
    return one == other or (len(initial) <= _INITIAL_MAX and word.startswith(initial))


def is_alike(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether some word of one name may be a misspelling, or the other gender, of a word of the other."""
    names = tuple(other)
    return any(SequenceMatcher(None, word, name).ratio() >= _ALIKE for word in one for name in names)


def _split(text: str) -> Iterator[str]:
    """Words are parted by whatever is not a letter, a digit or a mark. What is not seen (marks of direction,
    joiners) and apostrophes, which stand for soft and hard signs, part nothing."""
    plain = "".join(
        char if unicodedata.category(char)[0] in "LNM" else " "
        for char in unicodedata.normalize("NFD", text)
        if unicodedata.category(char) not in ("Cf", "Lm", "Sk") and char not in "'’‘`´\"ʼ′″“”"
    )
    yield from plain.split()


def _one_script(word: str) -> str:
    """A word with letters of two scripts, of which those of one only look like the other's."""
    latin, cyrillic = set(_LATIN.findall(word)), set(_CYRILLIC.findall(word))
    if latin and cyrillic:
        if latin <= _LOOK_ALIKE.keys():
            return word.translate(_TO_CYRILLIC)
        if cyrillic <= set(_LOOK_ALIKE.values()):
            return word.translate(_TO_LATIN)
    return word


def _key(word: str) -> str:
    """Folded until nothing changes any more, so that the key of a key is itself."""
    for _ in range(_PASSES_MAX):
        folded = _folded(word)
        if folded == word:
            break
        word = folded
    return word


def _folded(word: str) -> str:
    word = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).casefold())
    word = "".join(char for char in word if not unicodedata.combining(char)).translate(_TRANSLITERATION)
    for pattern, folded in _FOLDING:
        word = pattern.sub(folded, word)
    return word


# A whole name, whose parts may be missing on one side.


@dataclass(frozen=True, slots=True)
class NameKeys:
    """The keys of a person's name: `whole` are of all that was said, `parts` of what another may have said of
    the same name: without the patronymic, with one given name of two."""

    whole: frozenset[str]
    parts: frozenset[str]

    def fits(self, other: "NameKeys") -> bool:
        """Whether it may be one name. Two parts prove nothing: both lack what may differ."""
        return bool(self.whole & other.whole or self.whole & other.parts or self.parts & other.whole)


def keys_of(family: str | None, given: Sequence[str], text: str | None = None) -> NameKeys:
    """The keys of a name by its parts, or by its text if it has none. A single word is too little to tell
    a person by."""
    whole: set[str] = set()
    parts: set[str] = set()
    names = (family, *given) if family and given else (text or "",)
    first, other = zip(*(_read_twice(name) for name in names), strict=True)
    for said in {first, other}:
        family_words, *others = [words(name) for name in said]
        is_named = any(others) if others else len(family_words) > 1
        if not family_words or not is_named:
            continue
        whole.add(_joined(family_words, *others))
        parts |= set(_parts(family_words, others) if others else _shorter(family_words))
    return NameKeys(frozenset(whole), frozenset(parts - whole))


def _read_twice(name: str) -> tuple[str, str]:
    """Both readings of a name, the same twice if there is only one: x is read in one way throughout."""
    found = readings(name)
    return found[0], found[-1]


def _joined(*names: Sequence[str]) -> str:
    return " ".join(sorted(word for name in names for word in name))


def _parts(family: Sequence[str], others: Sequence[Sequence[str]]) -> Iterator[str]:
    """The family name with one of the other names, and without the last of them."""
    singles = [word for name in others for word in name]
    if len(singles) > 1:
        yield from (_joined(family, (single,)) for single in singles)
        if len(others) > 1:
            yield _joined(family, *others[:-1])


def _shorter(said: Sequence[str]) -> Iterator[str]:
    """Words of which one is missing, whichever it is."""
    if len(said) > 2:
        for missing in range(len(said)):
            yield _joined([word for place, word in enumerate(said) if place != missing])
