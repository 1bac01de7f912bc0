"""A drawn report as a PDF with its JSON header. The PDF is written by hand: one page of plain text in a
font that every reader has, which knows no Cyrillic, so the text is in Latin letters."""

import base64
from collections.abc import Iterator

import orjson

from api.sandbox.reports import DrawnReport, Finding

_PAGE = (595, 842)
_LETTERS = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        (
            *("a", "b", "v", "g", "d", "e", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r"),
            *("s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"),
        ),
        strict=True,
    )
)


def pdf(report: DrawnReport) -> bytes:
    """The submission: who, what and when, and the bytes."""
    person = report.person
    header = {
        "title": report.panel.name,
        "issued_at": report.issued_at.isoformat(),
        "status": report.status.value,
        "report_number": report.report_number,
        "collected_at": report.collected_at.isoformat(),
        "patient": {
            "family": person.family,
            "given": [person.given, person.patronymic],
            "birth_date": person.birth_date.isoformat(),
            "sex": person.sex,
            "snils": person.snils,
            "policy_number": person.enp,
        },
        "code": {"system": "http://loinc.org", "code": report.panel.loinc, "display": report.panel.name},
    }
    content = {"header": header, "pdf": base64.b64encode(page(lines(report))).decode()}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def lines(report: DrawnReport) -> Iterator[str]:
    yield f"{report.panel.name_latin}  ({report.status.value}, version {report.version})"
    yield f"{latin(report.person.name)}, {report.person.birth_date.isoformat()}"
    yield f"Report {report.report_number}, collected {report.collected_at.isoformat()}"
    yield ""
    for finding in report.findings:
        yield _line(finding)


def _line(finding: Finding) -> str:
    if finding.amount is not None:
        unit = finding.test.unit.ucum if finding.test.unit else ""
        value = f"{finding.comparator or ''}{finding.amount} {unit}".strip()
    elif finding.choice is not None:
        coding = finding.choice.coding
        value = (coding.display if coding else None) or latin(finding.choice.text)
    else:
        value = "cancelled"
    usual = finding.usual
    limits = f"  [{usual.low or ''} - {usual.high or ''}]" if usual else ""
    return f"{finding.test.loinc:<9}{finding.test.name_latin}: {value}{limits}  {finding.flag or ''}".rstrip()


def latin(text: str) -> str:
    spelt = "".join(_letter(one) for one in text)
    return spelt.encode("ascii", "replace").decode()


def _letter(one: str) -> str:
    found = _LETTERS.get(one.lower())
    if found is None:
        return one
    return found if one.islower() else found.capitalize()


def page(text: Iterator[str]) -> bytes:
    """A PDF 1.4 of one page (ISO 32000-1, 7.5): objects, their places, and where the table of places is."""
    shown = " T* ".join(f"({_literal(line)}) Tj" for line in text)
    stream = f"BT /F1 11 Tf 14 TL 50 {_PAGE[1] - 60} Td {shown} ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>" % _PAGE,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def _literal(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
