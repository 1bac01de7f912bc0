"""OUL: results by specimen and container, as analysers and their gateways send them; results of controls."""

import pytest

from api.content import ContentError
from api.hl7.reading import read_hl7
from domain.report_content import ReportContent, Subject
from tests.api.hl7_messages import HEADER, PATIENT, content

SERUM = "SPM|1|S1||SER^Serum^HL70487|||||||P^Patient^HL70369||||||20240403081500|20240403090000"
URINE = "SPM|2|S2||UR^Urine^HL70487|||||||P"
CONTAINER = "SAC|||S1"
SODIUM = "OBR|1|A1||2951-2^Na^LN"
POTASSIUM = "OBR|2|A2||2823-3^K^LN"
PROTEIN = "OBR|3|A3||2888-6^Protein^LN"


def header(trigger: str, version: str = "2.5.1") -> str:
    return HEADER.replace("ORU^R01^ORU_R01", f"OUL^{trigger}^OUL_{trigger}").replace("2.5.1", version)


def result(value: str) -> str:
    return f"OBX|1|NM|1^A^L||{value}|mmol/L|||||F"


def read(trigger: str, *segments: str) -> tuple[ReportContent, ...]:
    return read_hl7(content(*segments, header=header(trigger)))


def refusal(trigger: str, *segments: str) -> tuple[str, str | None]:
    with pytest.raises(ContentError) as refused:
        read(trigger, *segments)
    return refused.value.code, refused.value.field


def said(report: ReportContent) -> tuple[list[str], list[str], list[str]]:
    """Its numbers, kinds of specimens, values."""
    return (
        [number.value or "" for number in report.identifiers],
        [one.kind.codings[0].code or "" for one in report.specimens if one.kind],
        [one.value.quantity.value or "" for one in report.observations if one.value and one.value.quantity],
    )


@pytest.mark.parametrize("trigger", ["R22", "R23"])
@pytest.mark.parametrize("version", ["2.5", "2.6", "2.8"])
def test_a_specimen_holds_for_each_request_up_to_the_next_one(trigger: str, version: str) -> None:
    raw = content(
        PATIENT, "PV1|1|O", SERUM, CONTAINER,
        SODIUM, "ORC|SC|||G1|CM", "NTE|1||of Na", "TQ1|1", result("140"), "TCD|Na", "NTE|1||of 140",
        POTASSIUM, "ORC|SC||F2", result("4.1"), result("4.2"),
        URINE, "SAC|||S2", PROTEIN, "ORC|SC||F3", result("0.1"),
        header=header(trigger, version),
    )  # fmt: skip
    sodium, potassium, protein = read_hl7(raw)
    assert said(sodium) == (["A1"], ["SER"], ["140"])
    assert said(potassium) == (["A2", "F2"], ["SER"], ["4.1", "4.2"])
    assert said(protein) == (["A3", "F3"], ["UR"], ["0.1"])
    assert (sodium.notes, sodium.observations[0].notes) == (("of Na",), ("of 140",))
    assert sodium.specimens[0].collected_at == "2024-04-03T08:15:00"
    assert {one.subject.family for one in (sodium, potassium, protein)} == {"Иванова"}


def test_orders_of_one_specimen_without_results_keep_their_own_numbers() -> None:
    """The order stands behind its request: it is not the next one's."""
    found = read("R22", PATIENT, SERUM, SODIUM, "ORC|SC||F1", POTASSIUM, "ORC|SC||F2", result("4"))
    assert list(map(said, found)) == [(["A1", "F1"], ["SER"], []), (["A2", "F2"], ["SER"], ["4"])]


def test_orders_before_their_requests_are_read_too() -> None:
    orders = ("ORC|RE||F1", SODIUM, result("140"), "ORC|RE||F2", POTASSIUM, result("4"))
    expected = [(["A1", "F1"], ["SER"], ["140"]), (["A2", "F2"], ["SER"], ["4"])]
    assert list(map(said, read("R22", PATIENT, SERUM, *orders))) == expected
    unlike = (SODIUM, result("140"), "ORC|RE||F2", POTASSIUM, result("4"))
    assert [said(one)[0] for one in read("R22", PATIENT, SERUM, *unlike)] == [["A1"], ["A2", "F2"]]


def test_what_was_observed_of_a_specimen_is_of_its_first_request() -> None:
    first, second, third = read(
        "R22", PATIENT, SERUM, result("1"), SODIUM, "ORC|SC", result("140"), POTASSIUM, result("4"),
        URINE, result("2"), PROTEIN, result("0.1"),
    )  # fmt: skip
    assert [said(one)[2] for one in (first, second, third)] == [["1", "140"], ["4"], ["2", "0.1"]]


@pytest.mark.parametrize("segments", [(SERUM, result("1"), URINE, PROTEIN), (SERUM, result("1"))])
def test_what_was_observed_of_a_specimen_without_a_request_is_out_of_order(segments: tuple[str, ...]) -> None:
    assert refusal("R22", PATIENT, *segments) == ("segment-order", "OBX[1]")


def test_a_result_behind_an_order_of_another_specimen_is_out_of_order() -> None:
    segments = (SERUM, SODIUM, URINE, "ORC|SC||F2", result("1"))
    assert refusal("R22", PATIENT, *segments) == ("segment-order", "OBX[1]")


def test_results_by_request_have_their_specimen_behind_them() -> None:
    first, second = read(
        "R24", PATIENT, SODIUM, "ORC|SC||F1", result("140"), SERUM, result("1"), CONTAINER,
        PROTEIN, "ORC|SC||F3", result("0.1"), URINE,
    )  # fmt: skip
    assert said(first) == (["A1", "F1"], ["SER"], ["140", "1"])
    assert said(second) == (["A3", "F3"], ["UR"], ["0.1"])


def test_results_by_container_have_their_order_before_them() -> None:
    first, second = read_hl7(
        content(
            PATIENT, CONTAINER, "ORC|RE||F1", SODIUM, result("140"),
            "SAC|||S2", "ORC|RE||F2", POTASSIUM, result("4"),
            header=header("R21", "2.4"),
        )
    )  # fmt: skip
    assert (said(first), said(second)) == ((["A1", "F1"], [], ["140"]), (["A2", "F2"], [], ["4"]))


def test_a_specimen_is_not_the_next_patients() -> None:
    other = "PID|2||999^^^LIS||Петров^Пётр"
    first, second = read("R22", PATIENT, SERUM, SODIUM, result("140"), other, POTASSIUM, result("4"))
    assert (said(first)[1], said(second)[1], second.subject.family) == (["SER"], [], "Петров")


def test_a_result_without_a_patient_waits_for_one() -> None:
    (found,) = read("R22", SERUM, CONTAINER, SODIUM, "ORC|SC||||CM", result("140"))
    assert found.subject == Subject()


@pytest.mark.parametrize("kind", ["OUL^R22", "OUL", "^^OUL_R24", "ORU^R03"])
def test_a_kind_of_results_may_be_written_in_short(kind: str) -> None:
    raw = content(PATIENT, SODIUM, result("140"), header=HEADER.replace("ORU^R01^ORU_R01", kind))
    assert len(read_hl7(raw)) == 1


@pytest.mark.parametrize(
    "kind",
    ["ORF^R04^ORF_R04", "ORU^W01^ORU_W01", "ORL^O22", "OPU^R25^OPU_R25", "OML^O33", "MDM^T02", "ORM^O01"],
)
def test_other_messages_with_results_are_refused(kind: str) -> None:
    """Answers to a question nobody asked, orders, documents, waveforms, results of nobody or of many."""
    raw = content(PATIENT, SODIUM, result("140"), header=HEADER.replace("ORU^R01^ORU_R01", kind))
    with pytest.raises(ContentError) as refused:
        read_hl7(raw)
    assert (refused.value.code, refused.value.field) == ("message-type-unsupported", "MSH-9")


@pytest.mark.parametrize("role", ["B", "C", "E", "F", "O", "Q", "R", "V", "q^^HL70369", "Q^Control^0369"])
@pytest.mark.parametrize("trigger", ["R22", "R24"])
def test_a_result_of_a_control_is_no_patients(role: str, trigger: str) -> None:
    control = f"SPM|1|QC1||SER|||||||{role}"
    group = (control, POTASSIUM, result("9")) if trigger == "R22" else (POTASSIUM, result("9"), control)
    serum = (SERUM, SODIUM, result("140")) if trigger == "R22" else (SODIUM, result("140"), SERUM)
    assert [said(one)[2] for one in read(trigger, PATIENT, *serum, *group)] == [["140"]]
    assert refusal(trigger, *group) == ("no-report-in-content", "SPM[1]-11")


@pytest.mark.parametrize("role", ["P", "G", "L", "", '""', "Routine", "Q^Quick^99LAB", "P^Patient^HL70369"])
def test_any_other_specimen_is_the_patients(role: str) -> None:
    assert len(read("R22", PATIENT, f"SPM|1|S1||SER|||||||{role}", SODIUM, result("140"))) == 1


@pytest.mark.parametrize("trigger", ["R22", "R24"])
def test_a_result_of_a_control_and_of_a_patient_is_refused(trigger: str) -> None:
    """It was left out as a control's: a patient's result was lost without a word where others were in the message."""
    specimens = ("SPM|1|QC1||SER|||||||Q", SERUM)
    order = (*specimens, SODIUM, result("140")) if trigger == "R22" else (SODIUM, result("140"), *specimens)
    group = (URINE, PROTEIN, result("1")) if trigger == "R22" else (PROTEIN, result("1"), URINE)
    for segments, place in (((PATIENT, *order, *group), 1), ((PATIENT, *group, *order), 2)):
        assert refusal(trigger, *segments) == ("patients-mixed", f"SPM[{place}]-11")


def test_the_controls_of_a_batch_are_named_in_their_message() -> None:
    admission = content(PATIENT, header=HEADER.replace("ORU^R01^ORU_R01", "ADT^A01"))
    control = content("SPM|1|QC1||SER|||||||Q", SODIUM, result("9"), header=header("R22"))
    with pytest.raises(ContentError) as refused:
        read_hl7(admission + control)
    assert (refused.value.code, refused.value.field) == ("no-report-in-content", "MSH[2]/SPM[1]-11")


@pytest.mark.parametrize("specimens", [("SPM|1",) * 5, (f"SPM|1|S1||SER^{'x' * 20_000}",)])
def test_a_short_message_does_not_become_a_long_record(specimens: tuple[str, ...]) -> None:
    """Half a megabyte of specimens, each said again with each request, took minutes."""
    code, place = refusal("R22", PATIENT, *specimens, *[SODIUM] * 999)
    assert code == "content-too-complex" and (place or "").startswith("SPM[")


def test_a_specimen_may_have_as_many_requests_as_a_message_has() -> None:
    assert len(read("R22", PATIENT, SERUM, URINE, *[SODIUM] * 999)) == 999
