"""The words of a PDF, read as a screen reader reads them: glyphs by the Unicode tables of their fonts."""

import io
import re

import pikepdf

_HEX = r"<([0-9A-Fa-f]+)>"


def text_of(pdf: bytes) -> str:
    """Lines of a page run together with single blanks; pages follow each other."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return " ".join(" ".join(_page(page).split()) for page in opened.pages)


def _page(page: pikepdf.Page) -> str:
    tables = {str(name): _table(font) for name, font in page.Resources.Font.items()}
    said, table = [], dict[bytes, str]()
    for operands, operator in pikepdf.parse_content_stream(page):
        match str(operator):
            case "Tf":
                table = tables[str(operands[0])]
            case "Tj":
                said.append(_words(bytes(operands[0]), table))
            case "TJ":
                said += [_words(bytes(one), table) for one in operands[0] if isinstance(one, pikepdf.String)]
            case "ET":
                said.append(" ")
    return "".join(said)


def _words(glyphs: bytes, table: dict[bytes, str]) -> str:
    return "".join(table.get(glyphs[at : at + 2], "\ufffd") for at in range(0, len(glyphs), 2))


def _table(font: pikepdf.Object) -> dict[bytes, str]:
    """ToUnicode (ISO 32000-1, 9.10.3): single glyphs and ranges."""
    cmap = font.ToUnicode.read_bytes().decode("latin-1")
    found: dict[bytes, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for glyph, text in re.findall(rf"{_HEX}\s*{_HEX}", block):
            found[bytes.fromhex(glyph)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for first, last, text in re.findall(rf"{_HEX}\s*{_HEX}\s*{_HEX}", block):
            start = int.from_bytes(bytes.fromhex(text))
            for step in range(int(last, 16) - int(first, 16) + 1):
                glyph = (int(first, 16) + step).to_bytes(2)
                found[glyph] = (start + step).to_bytes(len(text) // 2).decode("utf-16-be")
    return found
