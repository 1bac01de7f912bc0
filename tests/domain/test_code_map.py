"""A laboratory's own codes are given a meaning, which changes nothing that was recorded."""

import pytest

from domain import code_map
from domain.code_map import (
    FSLI,
    LOINC,
    CodeMap,
    LocalCode,
    LocalCodeIsStandardError,
    LocalCodeNotMappedError,
    LocalCodesMapped,
    LocalCodesUnmapped,
    LocalCodeTwiceError,
    MappedCode,
    StandardCodeMalformedError,
    local_codes,
    named,
    standard_codes,
    standard_coding,
    standard_system,
)
from domain.values import Coding, Concept
from tests.examples import INVITRO
from tests.scenario import given

GLU = LocalCode(system="urn:lab:codes", code="GLU")
HGB = LocalCode(code="HGB")
GLUCOSE = Coding(system=LOINC, code="14749-6", display="Глюкоза")
HAEMOGLOBIN = Coding(system=FSLI, code="1017128", display="Гемоглобин")
GLU_IS = MappedCode(local=GLU, standard=GLUCOSE)
HGB_IS = MappedCode(local=HGB, standard=HAEMOGLOBIN)
MAPPED = LocalCodesMapped(laboratory_id=INVITRO, codes=(GLU_IS, HGB_IS))


def test_a_table_is_recorded_as_one_event() -> None:
    given().when(code_map.map_codes, laboratory_id=INVITRO, codes=[GLU_IS, HGB_IS]).then(MAPPED)


def test_a_table_imported_again_changes_nothing_and_a_longer_one_adds_what_is_new() -> None:
    given(MAPPED).when(code_map.map_codes, laboratory_id=INVITRO, codes=[HGB_IS, GLU_IS]).then_nothing()
    other = MappedCode(local=LocalCode(system="urn:lab:other", code="GLU"), standard=GLUCOSE)
    given(MAPPED).when(code_map.map_codes, laboratory_id=INVITRO, codes=[GLU_IS, other, other]).then(
        LocalCodesMapped(laboratory_id=INVITRO, codes=(other,))
    )


def test_a_code_that_means_something_else_now_is_mapped_again() -> None:
    changed = MappedCode(local=GLU, standard=Coding(system=LOINC, code="15074-8"))
    event = LocalCodesMapped(laboratory_id=INVITRO, codes=(changed,))
    given(MAPPED).when(code_map.map_codes, laboratory_id=INVITRO, codes=[changed]).then(event)
    assert code_map.evolve(code_map.evolve(None, MAPPED), event).codes == {GLU: changed, HGB: HGB_IS}


def test_one_code_has_one_meaning_and_a_standard_code_is_nobodys_own() -> None:
    twice = [GLU_IS, MappedCode(local=GLU, standard=HAEMOGLOBIN)]
    given().when(code_map.map_codes, laboratory_id=INVITRO, codes=twice).then_refused(LocalCodeTwiceError)
    foreign = MappedCode(local=LocalCode(system=LOINC, code="718-7"), standard=GLUCOSE)
    given().when(code_map.map_codes, laboratory_id=INVITRO, codes=[foreign]).then_refused(
        LocalCodeIsStandardError
    )
    bad = MappedCode(local=GLU, standard=Coding(system=LOINC, code="14749-5"))
    given().when(code_map.map_codes, laboratory_id=INVITRO, codes=[bad]).then_refused(
        StandardCodeMalformedError
    )


def test_only_what_is_mapped_is_unmapped() -> None:
    unmapped = LocalCodesUnmapped(laboratory_id=INVITRO, codes=(GLU,))
    given(MAPPED).when(code_map.unmap_codes, laboratory_id=INVITRO, codes=[GLU, GLU]).then(unmapped)
    assert code_map.evolve(code_map.evolve(None, MAPPED), unmapped).codes == {HGB: HGB_IS}
    given(MAPPED, unmapped).when(code_map.unmap_codes, laboratory_id=INVITRO, codes=[HGB, GLU]).then_refused(
        LocalCodeNotMappedError
    )
    given().when(code_map.unmap_codes, laboratory_id=INVITRO, codes=[GLU]).then_refused(
        LocalCodeNotMappedError
    )


@pytest.mark.parametrize("code", ["718-7", "14749-6", "2345-7", "14682-9", "11502-2", "634-6"])
def test_a_code_of_loinc_has_a_check_digit(code: str) -> None:
    assert standard_coding("LOINC", code).code == code
    wrong = f"{code[:-1]}{(int(code[-1]) + 1) % 10}"
    with pytest.raises(StandardCodeMalformedError) as refused:
        standard_coding("LOINC", wrong)
    assert refused.value.reason == "loinc-check-digit"


@pytest.mark.parametrize(
    ("system", "code", "reason"),
    [
        ("LOINC", "7187", "loinc-code-malformed"),
        ("LOINC", "", "loinc-code-malformed"),
        ("LOINC", "７１８-7", "loinc-code-malformed"),
        ("ФСЛИ", "10171-28", "fsli-code-malformed"),
        ("ФСЛИ", "HGB", "fsli-code-malformed"),
        ("SNOMED CT", "33747003", "standard-system-unknown"),
        (None, "718-7", "standard-system-unknown"),
    ],
)
def test_what_is_no_standard_code_is_refused_by_reason(system: str | None, code: str, reason: str) -> None:
    with pytest.raises(StandardCodeMalformedError) as refused:
        standard_coding(system, code)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("loinc", LOINC),
        ("http://loinc.org/", LOINC),
        ("urn:oid:2.16.840.1.113883.6.1", LOINC),
        ("ФСЛИ", FSLI),
        ("1.2.643.5.1.13.13.11.1080", FSLI),
        ("urn:oid:1.2.643.5.1.13.13.11.1080", FSLI),
        ("http://snomed.info/sct", None),
        ("", None),
        (None, None),
    ],
)
def test_the_two_systems_go_by_many_names(name: str | None, system: str | None) -> None:
    assert standard_system(name) == system


# Reading through the map.

MAP = CodeMap(codes={GLU: GLU_IS, HGB: HGB_IS})


def concept(*codings: tuple[str | None, str], text: str | None = None) -> Concept:
    return Concept(codings=tuple(Coding(system=system, code=code) for system, code in codings), text=text)


def test_a_code_that_was_sent_wins_over_the_map() -> None:
    sent = concept((None, "HGB"), (LOINC, "718-7"))
    assert standard_codes(sent, MAP) == (Coding(system=LOINC, code="718-7"),)
    assert list(local_codes([sent])) == []


def test_without_one_the_local_code_is_mapped_by_system_and_code() -> None:
    assert standard_codes(concept((None, "HGB")), MAP) == (HAEMOGLOBIN,)
    assert standard_codes(concept(("urn:lab:codes", "GLU")), MAP) == (GLUCOSE,)
    assert standard_codes(concept((None, "GLU"), ("urn:other", "HGB")), MAP) == ()
    assert standard_codes(concept((None, "HGB")), None) == ()
    assert list(local_codes([concept((None, "HGB")), concept((None, "HGB")), concept(text="без кода")])) == [
        HGB,
        HGB,
    ]


def test_the_laboratorys_own_name_is_kept_and_only_a_bare_code_gets_one() -> None:
    assert named(concept((None, "HGB")), MAP).text == "Гемоглобин"
    assert named(concept((None, "HGB"), text="Гемоглобин (HGB)"), MAP).text == "Гемоглобин (HGB)"
    displayed = Concept(codings=(Coding(code="HGB", display="Hb"),))
    assert named(displayed, MAP) == displayed
    assert named(concept((None, "HGB")), CodeMap()) == concept((None, "HGB"))
    assert named(concept((LOINC, "718-7")), MAP) == concept((LOINC, "718-7"))
