"""What is written for people alone is read as plain text, of JSON and XML alike."""

import time
from html import escape
from typing import Any

import pytest

from api.fhir.narrative import plain_text
from api.fhir.resources import Narrative
from api.fhir.xml import read_fhir_xml
from domain.report_content import ReportContent
from tests.api.test_fhir import Json, bundle, observation, read, report
from tests.api.test_fhir_xml import write_xml

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
LAB = {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}


def told(inside: str, status: str = "additional") -> Json:
    return {"status": status, "div": f"<div {XHTML}>{inside}</div>"}


def only(content: Json) -> ReportContent:
    (found,) = read(content)
    assert read_fhir_xml(write_xml(content)) == (found,)
    return found


def section(title: str, **elements: Any) -> Json:
    return {"title": title, **elements}


def document(*sections: Json, kind: Json = LAB, **elements: Any) -> Json:
    composition = {"resourceType": "Composition", "type": kind, "section": list(sections)}
    return bundle(
        composition, report("Observation/o", **elements), observation("o", valueString="1"), kind="document"
    )


def test_a_report_that_is_text_alone_is_read() -> None:
    found = only(
        report(text=told("<p>ЦИТОЛОГИЯ</p><pre>Атипии нет.\nПовторить.</pre>"), note=[{"text": "n"}])
    )
    assert found.notes == ("ЦИТОЛОГИЯ\nАтипии нет.\nПовторить.", "n")


def test_the_text_stands_in_for_results_that_did_not_come() -> None:
    found = only(report("Observation/x", text=told("Глюкоза 5.4")))
    assert found.notes == ("Глюкоза 5.4", "unresolved reference: Observation/x")


@pytest.mark.parametrize(
    "said",
    [
        {"conclusion": "c"},
        {"conclusionCode": [{"text": "c"}]},
        {"presentedForm": [{"contentType": "text/plain", "data": "QQ=="}]},
        {"contained": [observation("o", valueString="1")], "result": [{"reference": "#o"}]},
        {"text": told("said", status="empty")},
        {"text": told(" <p/>&#160;")},
        {"text": {"status": "generated"}},
    ],
)
def test_the_text_repeats_nothing_that_is_said_and_says_nothing_of_its_own(said: Json) -> None:
    assert only({**report(identifier=[{"value": "7"}], text=told("said")), **said}).notes == ()


@pytest.mark.parametrize("text", ["words", 5, [], {"div": 5}, {"div": ["a"]}])
def test_a_malformed_text_refuses_no_results(text: object) -> None:
    (found,) = read(report(identifier=[{"value": "7"}], text=text))
    assert found.notes == ()


@pytest.mark.parametrize(
    ("xhtml", "text"),
    [
        ("5.2 x 10<sup>9</sup>/L, CO<sub>2</sub>", "5.2 x 10⁹/L, CO2"),
        ("<table><tr><th>A</th><th/><th>B</th></tr><tr><td>1 </td>\n<td>2</td></tr></table>", "A | B\n1 | 2"),
        ("a<br/>b<br>c", "a\nb\nc"),
        ("<h2>A</h2>b<ul><li>c</li><li>d</li></ul>e", "A\nb\nc\nd\ne"),
        ("a\n  b<pre>c\n  d</pre>", "a b\nc\nd"),
        ("<b>bo</b>ld <i>i</i>", "bold i"),
        ("&lt;5 &amp;lt; &nbsp;&micro;mol &#181; &#x3BC; &none; &", "<5 &lt; µmol µ μ &none; &"),
        ("a<!-- <p>b</p> -->c<!-- d", "ac"),
        ("<script>alert(1)</script><style/>a<style>p {}</style>", "a"),
        ('<a href="javascript:x" onclick="y">a</a><img src="http://x" alt="b"/>', "a"),
        ("&#0;&#1;&#xD800;&#1114112;a", "a"),
        ('<x:p xmlns:x="y">a</x:p>b', "a\nb"),
        ("< 5 and a<b", "< 5 and a<b"),
        (
            "Glucose < 5.5, norm > 3; <5 and >3; <нет данных>",
            "Glucose < 5.5, norm > 3; <5 and >3; <нет данных>",
        ),
        ("""<a title="1 > 0" href='http://x?>'>a</a>b<br id=">"/>c""", "ab\nc"),
        ("""<i title="5>it's</i> "a" <b c='>d</b>""", """it's "a" d"""),
        ("<?x y?><!DOCTYPE html>a", "a"),
        ("<p", "<p"),
    ],
)
def test_plain_text(xhtml: str, text: str) -> None:
    assert plain_text(Narrative(div=xhtml)) == text


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<p>", "<!--", "&", "&#", "&#65;", "a<b:", "<pre>\n", "<td>a", "</sup>", '<a "', "<a '\""],
)
def test_plain_text_takes_time_in_proportion(piece: str) -> None:
    started = time.process_time()
    plain_text(Narrative(div=piece * (500_000 // len(piece))))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("piece", ["a.", "\"'", "b='c' "])
def test_a_long_tag_that_never_ends_takes_no_longer(piece: str) -> None:
    started = time.process_time()
    assert plain_text(Narrative(div="<a " + piece * 250_000)) is not None
    assert time.process_time() - started < 1


# A document's sections.


def test_a_section_that_is_text_alone_is_a_note() -> None:
    found = only(
        document(
            section("Blood", entry=[{"reference": "Observation/o"}], text=told("o 1")),
            section("Comment", text=told("<p>Haemolysis.</p>")),
            section("Outer", section=[section("Inner", entry=[{"reference": "x"}])], text=told("o 1")),
            section("", text=told("No title")),
        )
    )
    assert found.notes == ("Comment\nHaemolysis.", "No title")


def test_a_section_that_repeats_what_the_report_says_is_no_note() -> None:
    sections = (
        section("Blood", entry=[{"reference": "Observation/o"}]),
        section("Conclusion", text=told("No   sign of <b>it</b>")),
    )
    assert only(document(*sections, conclusion="c. No sign\nof it.")).notes == ()


def test_nor_is_one_that_repeats_the_note_of_a_result() -> None:
    sections = (
        section("Blood", entry=[{"reference": "Observation/o"}]),
        section("Comment", text=told("<p>Slight haemolysis seen</p>")),
    )
    noted = observation("o", valueString="1", note=[{"text": "Slight haemolysis  seen."}])
    composition = {"resourceType": "Composition", "type": LAB, "section": list(sections)}
    found = only(bundle(composition, report("Observation/o"), noted, kind="document"))
    assert (found.notes, found.observations[0].notes) == ((), ("Slight haemolysis  seen.",))


def test_a_short_answer_to_its_title_is_none_that_is_told_elsewhere() -> None:
    sections = (
        section("Blood", entry=[{"reference": "Observation/o"}]),
        section("Haemolysis", text=told("not seen")),
    )
    assert only(document(*sections, conclusion="Blasts were not seen.")).notes == ("Haemolysis\nnot seen",)


def test_many_sections_and_a_long_conclusion_take_time_in_proportion() -> None:
    sections = (section("", text=told(f"no {number} seen")) for number in range(20_000))
    sent = document(
        section("", entry=[{"reference": "Observation/o"}]), *sections, conclusion="y" * 2_000_000
    )
    started = time.process_time()
    (found,) = read(sent)
    assert time.process_time() - started < 3
    assert len(found.notes) == 20_000


def test_where_no_section_names_its_entries_the_texts_may_be_the_results() -> None:
    assert only(document(section("Blood", text=told("o 1")))).notes == ()


@pytest.mark.parametrize(
    ("kind", "is_read"), [({"coding": [{"system": "s", "code": "k"}]}, True), ({}, False)]
)
def test_only_of_a_laboratory_report(kind: Json, *, is_read: bool) -> None:
    """A summary has sections about everything; one that is coded as the report is, is the report."""
    sections = (section("Blood", entry=[{"reference": "x"}]), section("Habits", text=told("smokes")))
    code = {"coding": [{"system": "s", "code": "k"}], "text": "Hb"}
    assert bool(only(document(*sections, kind=kind, code=code)).notes) is is_read


@pytest.mark.parametrize("sections", [5, [5], [{"text": 5}], [{"entry": 5, "text": told("x")}]])
def test_a_malformed_composition_refuses_no_results(sections: object) -> None:
    composition = {"resourceType": "Composition", "type": LAB, "section": sections}
    (found,) = read(bundle(composition, observation("o"), kind="document"))
    assert found.notes == ()


def test_a_composition_of_xml_that_has_more_than_fhir_in_it_refuses_no_results() -> None:
    raw = f"""<Bundle xmlns="http://hl7.org/fhir"><type value="document"/>
      <entry><resource><Composition><section>{escape("text")}<text>x</text></section></Composition></resource></entry>
      <entry><resource><Observation><status value="final"/></Observation></resource></entry></Bundle>"""
    (found,) = read_fhir_xml(raw.encode())
    assert len(found.observations) == 1


def test_the_text_of_xml_may_have_a_prefix() -> None:
    raw = """<f:DiagnosticReport xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"
      ><f:text><f:status value="additional"/><h:div><h:p>a &lt; b<!-- c --></h:p><h:p>10<h:sup>9</h:sup></h:p></h:div
      ></f:text><f:status value="final"/></f:DiagnosticReport>"""
    (found,) = read_fhir_xml(raw.encode())
    assert found.notes == ("a < b\n10⁹",)
