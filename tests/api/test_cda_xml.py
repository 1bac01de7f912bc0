"""XML is parsed without document types and within limits; whatever bytes come, the reader answers."""

import os
import random
from copy import deepcopy
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from api.cda.reading import read_cda
from api.cda.times import date_time
from api.content import ContentError
from api.xml_content import NESTING_LIMIT, NODES_LIMIT, SIZE_LIMIT_BYTES, parse_xml
from domain.report_content import ReportContent

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
CODES = {
    "content-not-xml",
    "content-not-cda",
    "no-report-in-content",
    "content-too-complex",
    "xml-doctype-forbidden",
}


def refusal(raw: bytes) -> str:
    with pytest.raises(ContentError) as refused:
        parse_xml(raw)
    assert refused.value.field is None
    assert refused.value.__cause__ is None and refused.value.__context__ is None
    return refused.value.code


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE a [<!ENTITY b "c">]>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]>',
        '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]>',
        '<!DOCTYPE a [<!ENTITY x "' + "y" * 100_000 + '">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_forbidden(declaration: str, encoding: str) -> None:
    assert refusal(f"{declaration}<a>&b;</a>".encode(encoding)) == "xml-doctype-forbidden"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"<a>",
        b"<a>&b;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b"<a/><b/>",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        "<a>é</a>".encode("utf-16")[:-1],
        b'<a b="1" b="2"/>',
    ],
)
def test_what_is_no_xml_is_refused(raw: bytes) -> None:
    assert refusal(raw) == "content-not-xml"


def test_what_follows_the_root_is_seen_after_a_prefix_that_nobody_declared_too() -> None:
    assert parse_xml(b'<a><b x:c="1"/></a>')[0].get("c") == "1"
    for more in (b"</z>", b"junk", b"<a/>", b"&lt;"):
        assert refusal(b'<a><b x:c="1"/></a>' + more) == "content-not-xml"
    assert refusal(b'<a><b x:c="1" x:c="2"/></a>') == "content-not-xml"


@pytest.mark.parametrize(
    "raw",
    [
        b"<a>" * (NESTING_LIMIT + 1),
        b"<a>" * 1_000_000,
        b"<a>" + b"<b/>" * NODES_LIMIT + b"</a>",
        b"<a " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>",
        b"<a " + b" ".join(b'xmlns:a%d="u%d"' % (n, n) for n in range(100_000)) + b"/>",
        b"<a>" + b" " * SIZE_LIMIT_BYTES + b"</a>",
    ],
    ids=["deep", "very deep", "many elements", "many attributes", "many namespaces", "large"],
)
def test_what_is_out_of_bounds_is_too_complex(raw: bytes) -> None:
    assert refusal(raw) == "content-too-complex"


@pytest.mark.parametrize(
    "many",
    [
        b"<entry><observation/></entry>",
        b"<organizer><code code='a'/></organizer>",
        b"<observation><entryRelationship><observation/></entryRelationship></observation>",
    ],
    ids=["observations", "panels", "components"],
)
def test_a_document_of_more_results_than_anybody_measures_is_too_complex(many: bytes) -> None:
    """The empty ones are small, and would take as long as real ones: eight seconds for three megabytes."""
    with pytest.raises(ContentError) as refused:
        read_cda(
            b'<section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/>'
            + many * 21_000
            + b"</section>"
        )
    assert refused.value.code == "content-too-complex"


def test_the_deepest_allowed_document_is_read() -> None:
    root = parse_xml(b"<a>" * NESTING_LIMIT + b"</a>" * NESTING_LIMIT)
    assert root.tag == "a"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1251", "koi8-r"])
def test_the_declared_encoding_is_followed(encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><a b="я">Кровь</a>'
    root = parse_xml(declared.encode(encoding))
    assert (root.text, root.get("b")) == ("Кровь", "я")


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n ", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize(
    "declared", ["", '<?xml version="1.0" encoding="utf-16"?>', "<?xml version='1.0' encoding='UTF-16LE' ?>"]
)
def test_what_senders_put_before_and_declare_in_memory_does_not_matter(before: bytes, declared: str) -> None:
    assert parse_xml(before + f"{declared}<a>Кровь</a>".encode()).text == "Кровь"
    assert parse_xml('<?xml version="1.0" encoding="utf-16"?><a>Кровь</a>'.encode("utf-16")).text == "Кровь"
    assert refusal(before + f"{declared}<a>Кровь</a>".encode("windows-1251")) == "content-not-xml"


def test_comments_and_instructions_are_left_out_and_text_is_whole() -> None:
    root = parse_xml(b"<?x y?><a>1<!-- 2 -->3<?z?><![CDATA[<4>]]>&#53;</a>")
    assert (root.text, len(root)) == ("13<4>5", 0)


# Whatever comes


def answer(raw: bytes) -> tuple[ReportContent, ...]:
    reports: tuple[ReportContent, ...] = ()
    code: str | None = None
    try:
        reports = read_cda(raw)
    except ContentError as refused:
        code = refused.code
    assert (code in CODES) != bool(reports)
    for report in reports:
        places = [place for one in report.observations for place in one.members]
        assert len(places) == len(set(places))
        assert all(0 <= place < len(report.observations) for place in places)
    return reports


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@example(b"<section><entry/></section>")
def test_any_bytes_get_an_answer(raw: bytes) -> None:
    answer(raw)


SMALL = """<organizer><code code="c"/><statusCode code="{0}"/><effectiveTime value="{0}"/><component>
<observation negationInd="{2}"><code code="{0}" codeSystem="{1}"><originalText>{1}</originalText></code>
<value type="{2}" value="{0}" unit="{1}" code="{0}" nullFlavor="{2}"><low value="{0}"/><high value="{1}"/>
<translation value="{1}" code="{0}"/>{0}</value><referenceRange><observationRange><value type="{2}"
value="{1}"><low value="{0}"/></value></observationRange></referenceRange></observation></component></organizer>"""
TYPES = [
    "PQ",
    "INT",
    "REAL",
    "ST",
    "ED",
    "CD",
    "CO",
    "IVL_PQ",
    "RTO",
    "RTO_PQ_PQ",
    "TS",
    "IVL_TS",
    "BL",
    "SC",
    "true",
    "",
]
WORDS = st.text('0123456789.,eE+-<>&" #абZ\u0660\u2028', max_size=12) | st.sampled_from(
    ["1e999", "-1e-999", "20260230", "#x", "1.2.643", "00", "active"]
)


@given(WORDS, WORDS, st.sampled_from(TYPES))
def test_any_words_in_the_places_of_a_result_are_read(one: str, other: str, kind: str) -> None:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;")):
        one, other = one.replace(character, entity), other.replace(character, entity)
    sent = f'<section><templateId root="2.16.840.1.113883.10.20.22.2.3"/><entry>{SMALL}</entry></section>'
    assert answer(sent.format(one, other, kind).encode())


def sample(name: str) -> bytes:
    found = next((SAMPLES / name.partition("/")[0]).glob(name.partition("/")[2]), None)
    if found is None:
        pytest.skip(f"NOT TESTED: no samples at {SAMPLES}")
    return found.read_bytes()


MUTATED = [
    "cda-ru/*",
    "cda-xdlab/*Chik*",
    "cda-ccda/*CCD.ccda",
    "cda-ccda-fragment/*greater*",
    "cda-xdlab/*Elec*",
]


@pytest.mark.parametrize("name", MUTATED)
def test_flipped_and_cut_samples_get_an_answer(name: str) -> None:
    raw, chance = sample(name), random.Random(7)
    for _ in range(60):
        broken = bytearray(raw[: chance.randrange(len(raw))] if chance.random() < 0.2 else raw)
        for _ in range(chance.randrange(1, 6)):
            if broken:
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        answer(bytes(broken))


@pytest.mark.parametrize("name", MUTATED)
def test_samples_with_elements_gone_doubled_or_swapped_get_an_answer(name: str) -> None:
    raw, chance = sample(name), random.Random(11)
    for _ in range(60):
        root = parse_xml(raw)
        for _ in range(chance.randrange(1, 5)):
            mutate(root, chance)
        answer(etree.tostring(root))


def mutate(root: etree._Element, chance: random.Random) -> None:
    element = next(islice(root.iter(), chance.randrange(1, sum(1 for _ in root.iter())), None))
    parent = element.getparent()
    assert parent is not None
    match chance.randrange(4):
        case 0:
            parent.remove(element)
        case 1:
            parent.append(deepcopy(element))
        case 2 if element.attrib:
            del element.attrib[chance.choice(sorted(element.attrib))]
        case _:
            for name in element.attrib:
                element.set(name, chance.choice(["", "1", "x" * 300, "#r1", "-1e400", "20260101"]))


def test_one_change_never_moves_the_patient_to_nobody_in_silence() -> None:
    """Without its header a document still gives its results, which then wait for a patient."""
    root = parse_xml(sample("cda-ru/*"))
    target = next(one for one in root if str(one.tag).endswith("recordTarget"))
    root.remove(target)
    (report,) = read_cda(etree.tostring(root))
    assert report.subject.identifiers == () and report.observations


@given(st.text("0123456789-+:.TZ", max_size=24))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@example("20260301101500.1234+0300")
@example("2026022915")
def test_a_time_is_a_fhir_time_or_none(text: str) -> None:
    found = date_time(text)
    assert found is None or found.replace("-", "").startswith(text[:4])


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("20260301", "2026-03-01"),
        ("20260301+0300", "2026-03-01"),
        ("2026030110", "2026-03-01T10:00"),
        ("202603011015+0300", "2026-03-01T10:15+03:00"),
        ("20260301101500Z", "2026-03-01T10:15:00Z"),
        ("20260301101500.0120-0530", "2026-03-01T10:15:00.0120-05:30"),
        ("2026-03-01T10:15:00+03:00", "2026-03-01T10:15:00+03:00"),
        ("20260230", None),
        ("0000", None),
        ("202613", None),
        ("20260301250000", None),
        ("yesterday", None),
    ],
)
def test_times_keep_their_precision_and_zone(sent: str, found: str | None) -> None:
    assert date_time(sent) == found
