"""XML of a submission: no document type, no entities, no network, and bounded in every direction."""

import contextlib
import re
from typing import NoReturn
from xml.parsers import expat

from lxml import etree

from api.content import ContentError

SIZE_LIMIT_BYTES = 10_000_000
NESTING_LIMIT = 64
# Elements and attributes together: a report of a thousand results has about fifty thousand.
NODES_LIMIT = 200_000
# Of one element. Attributes and namespaces are compared with each other, which costs the square.
ATTRIBUTES_LIMIT = 64

_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
# Programs that write text in memory declare the encoding of the memory: what can be read here is none of UTF-16.
_NOT_UTF_16 = re.compile(
    rb"""(<\?xml[^>]{0,100}?)\sencoding\s*=\s*["']utf-?16(?:le|be)?["']""", re.IGNORECASE
)


Text = str | bytes  # as the parser's type stubs have it; what comes is str


class _BoundedTree:
    """What the parser reports, built into a tree as long as it stays within the limits. Comments and
    processing instructions say nothing of a result and are left out."""

    def __init__(self) -> None:
        self.refusal: str | None = None
        self._builder = etree.TreeBuilder()
        self._depth = 0
        self._nodes = 0

    def doctype(self, *_: object) -> None:
        """Called before anything inside of the declaration is looked at."""
        self._refuse("xml-doctype-forbidden")

    def start(
        self, tag: Text, attributes: dict[Text, Text], namespaces: dict[Text | None, Text] | None = None
    ) -> None:
        """Prefixes are not handed on: names are resolved already."""
        declared = len(namespaces or ())
        self._depth += 1
        self._nodes += 1 + len(attributes) + declared
        is_wide = max(len(attributes), declared) > ATTRIBUTES_LIMIT
        if is_wide or self._depth > NESTING_LIMIT or self._nodes > NODES_LIMIT:
            self._refuse("content-too-complex")
        self._builder.start(tag, attributes)

    def end(self, tag: Text) -> None:
        self._depth -= 1
        self._builder.end(tag)

    def data(self, data: Text) -> None:
        self._builder.data(data)

    def comment(self, text: Text) -> None:
        pass

    def close(self) -> etree._Element | None:
        """Called after a refusal too, and what it raises would stand in the refusal's place. The parser and its target
        hold each other: the tree would stay with them until the interpreter looks for circles."""
        builder, self._builder = self._builder, etree.TreeBuilder()
        return None if self.refusal else builder.close()

    def _refuse(self, code: str) -> NoReturn:
        self.refusal = code
        raise ContentError(code, None)


def parse_xml(raw: bytes) -> etree._Element:
    """The root element, in the encoding that the document declares."""
    if len(raw) > SIZE_LIMIT_BYTES:
        raise ContentError("content-too-complex", None)
    raw = _well_begun(raw)
    tree = _BoundedTree()
    parser = etree.XMLParser(
        target=tree,
        # With False a target is told "&#38;" where an attribute says "&amp;". Nothing declares an entity
        # here: a DOCTYPE is refused before it is read. The type stubs are older than this value.
        resolve_entities="internal",  # type: ignore[arg-type]
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    root = None
    with contextlib.suppress(etree.LxmlError, ContentError, ValueError, LookupError):
        root = etree.fromstring(raw, parser)
    # Fragments use prefixes that stood declared around them. After the first of these errors libxml2 keeps
    # silent about what follows the root, so another parser, which knows no prefixes, has to look.
    if any(error.level >= etree.ErrorLevels.ERROR for error in parser.error_log) and not _is_whole(raw):
        root = None
    if root is None:  # raised out here because the parser's error carries parts of the content along
        raise ContentError(tree.refusal or "content-not-xml", None)
    return root


def _well_begun(raw: bytes) -> bytes:
    """The content without what senders put before it, and without a declaration that its own bytes belie."""
    bom = _BOM if raw.startswith(_BOM) else b""
    begun = raw[len(bom) :].lstrip(_BLANKS)
    if not begun.startswith(b"<") or begun.startswith(b"<\x00"):
        return raw  # of two bytes a character, or no XML
    if declared := _NOT_UTF_16.match(begun):
        begun = declared[1] + begun[declared.end() :]
    return bom + begun


def _is_whole(raw: bytes) -> bool:
    try:
        expat.ParserCreate().Parse(raw, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True
