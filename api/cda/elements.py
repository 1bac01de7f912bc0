"""Elements of a CDA document by their local names, and their text as a reader would see it."""

from collections.abc import Iterator
from functools import cache

from lxml import etree

from api.content import ContentError
from api.raised_signs import RAISED

Element = etree._Element  # noqa: SLF001 - lxml has no public name for the class

# Characters that may be said more than once, all together: one long text may be named ten thousand times.
_REPEATED_LIMIT = 4_000_000
_WALK_COST = 10  # of an element gone through, in such characters
# Observations and components of one document: an empty one is a few bytes, and costs as much as a full one.
MEASURED_LIMIT = 20_000
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
# Separators that can stand in no XML text.
_LINE, _CELL = "\x1e", "\x1f"
# What stands apart in a narrative block, with what HTML calls the same, for it is sent too.
_APART = {
    **dict.fromkeys(("paragraph", "br", "item", "tr", "list", "table", "caption", "thead", "tbody"), _LINE),
    **dict.fromkeys(("p", "div", "li", "translation"), _LINE),
    **dict.fromkeys(("td", "th"), _CELL),
    "footnote": " ",
}


def local_name(element: Element) -> str:
    """Names are compared without their namespace: fragments have none, extensions have many."""
    return str(element.tag).rpartition("}")[2]


@cache
def _tags(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in any namespace and in none, as lxml asks for them."""
    return tuple(f"{{*}}{name}" for name in names)


def children(element: Element | None, *names: str) -> Iterator[Element]:
    """Looked for by lxml itself: a document is gone through many times."""
    return iter(()) if element is None else element.iterchildren(*_tags(names))


def child(element: Element | None, *path: str) -> Element | None:
    """The first element down the path; each step goes to the first of its name."""
    for tag in _tags(path):
        if element is None:
            return None
        element = next(element.iterchildren(tag), None)
    return element


def attribute(element: Element | None, name: str) -> str | None:
    """The attribute without surrounding white space; an empty one says nothing."""
    text = None if element is None else element.get(name)
    return (text.strip() or None) if text is not None else None


def type_of(element: Element) -> str | None:
    """The data type, without the prefix that its namespace has in this document."""
    sent = element.get(_XSI_TYPE) or element.get("type")
    return sent.rpartition(":")[2].strip() if sent else None


def is_true(element: Element | None, name: str) -> bool | None:
    """An attribute of true or false (XML Schema: also 1 or 0); None if it says neither."""
    return _TRUTHS.get(attribute(element, name) or "")


def templates(element: Element) -> frozenset[str]:
    return frozenset(root for one in children(element, "templateId") if (root := attribute(one, "root")))


def inner_text(element: Element | None) -> str:
    return "" if element is None else "".join(map(str, element.itertext()))


def own_text(element: Element | None) -> str | None:
    """The text inside as sent, but for the white space around it."""
    return inner_text(element).strip() or None


def shown_text(element: Element, *, between_cells: str = " ") -> str | None:
    """The text of a narrative block: its lines are lines, cells stand apart, other white space is one."""
    lines = "".join(_pieces(element)).split(_LINE)
    cells = ((" ".join(cell.split()) for cell in line.split(_CELL)) for line in lines)
    return "\n".join(line for row in cells if (line := between_cells.join(filter(None, row)))) or None


def _pieces(block: Element) -> Iterator[str]:
    walk = etree.iterwalk(block, events=("start", "end"))
    for event, element in walk:
        name = local_name(element)
        is_shown = name != "thumbnail" and element.get("revised") != "delete"
        if event == "start" and not is_shown:
            walk.skip_subtree()
            continue
        if element is not block:
            yield _APART.get(name, "")
        if event == "start":
            text = element.text or ""
            # A number with the mark of a footnote is none of more digits.
            yield text.translate(RAISED) if name == "sup" else text
        elif element is not block:
            yield element.tail or ""


def _is_elsewhere(address: str) -> bool:
    """A file or a page, and no place in the document: senders leave the words of a template there too."""
    return not address.startswith("#") and any(sign in address for sign in "./:")


class Narrative:
    """The human-readable blocks of one document, which entries refer to by ID."""

    def __init__(self, root: Element) -> None:
        self._blocks: dict[str, Element] = {}
        self._texts: dict[str, str | None] = {}
        self._left = _REPEATED_LIMIT
        self._measured = 0
        for element in root.iter():
            if name := element.get("ID"):
                self._blocks.setdefault(name, element)

    def text(self, element: Element | None) -> str | None:
        """The text of an element, or what it refers to (HL7 datatype ED)."""
        if element is None:
            return None
        reference = child(element, "reference")
        # Marked up as a narrative block, or as it was sent.
        own = shown_text(element) if len(element) and reference is None else own_text(element)
        return own if own is not None else self._referred(attribute(reference, "value"))

    def missing(self, element: Element) -> str | None:
        """The first place that is referred to in an element and is not in the document."""
        sent = (attribute(one, "value") or "" for one in element.iter("{*}reference"))
        inside = (one for one in sent if one and not _is_elsewhere(one))
        return next((one for one in inside if one.removeprefix("#") not in self._blocks), None)

    def repeat(self, text: str | None) -> None:
        """A text is said once more: what comes out must stay in proportion to what came in."""
        self._spend(len(text or ""))

    def count_measured(self) -> None:
        """One more observation or component is read."""
        self._measured += 1
        if self._measured > MEASURED_LIMIT:
            raise ContentError("content-too-complex", None)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ContentError("content-too-complex", None)

    def _referred(self, address: str | None) -> str | None:
        if address is None:
            return None
        name = address.removeprefix("#")  # some senders forget it
        if name not in self._blocks and _is_elsewhere(address):
            return address
        if name in self._blocks and name not in self._texts:
            # Blocks may lie one in the other, and each walk goes through all that is inside.
            self._spend(_WALK_COST * sum(1 for _ in self._blocks[name].iter()))
            self._texts[name] = shown_text(self._blocks[name])
        found = self._texts.get(name)
        self.repeat(found)
        return found
