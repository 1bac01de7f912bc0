"""A patient links a policy of any kind by a code, unlinks it after reading what ends, and links again (S31-S36)."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.patient import PolicyLinked, PolicyUnlinked
from domain.policy import PolicyKind
from ledger.commands import by_patient, load_patient
from ledger.policy import end_temporary_policies, unlink_policy
from tests.api.cast import ANNA, BORIS, SNILS_SYSTEM, Laboratory, Person, Portal, bundle, code_of, settle

OLD_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.226"
TEMPORARY_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.227"
YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%d.%m.%Y}"


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Signed in, and settled but for the policy, whose kind is to be chosen."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    unlink_policy(portal.opened.ledger, person.patient_id, by_patient(person.patient_id))
    return person


def link(person: Person, **form: str) -> str:
    """Where the page leads after the code, or the code of the refusal."""
    answer = person.post("/services/policy", **form)
    if answer.status_code != 303:
        return code_of(answer)
    answer = person.post("/services/policy/code", code=person.code())
    return answer.headers.get("location") or code_of(answer)


def linked(portal: Portal, person: Person) -> PolicyLinked | None:
    return load_patient(portal.opened.ledger, person.patient_id).policy_linked


LINKED = "/services?notice=policy-linked"


def test_a_policy_of_each_kind_is_linked_by_a_code(portal: Portal, anna: Person) -> None:
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    assert link(anna, number=ANNA.enp) == LINKED
    unlink_policy(ledger, patient_id, by_patient(patient_id))
    assert link(anna, kind="old-policy", series="аб", number="123456") == LINKED
    found = linked(portal, anna)
    assert found is not None and (found.kind, found.series) == (PolicyKind.OLD, "АБ")
    unlink_policy(ledger, patient_id, by_patient(patient_id))
    assert link(anna, kind="temporary-policy", number="123456789", issued_on=YESTERDAY) == LINKED
    found = linked(portal, anna)
    assert found is not None and found.valid_until is not None
    assert "Временное свидетельство" in anna.get("/services/policy").text


@pytest.mark.parametrize(
    ("form", "code", "field"),
    [
        ({"number": "991111111111111x"}, "policy-digits-only", "number"),
        ({"number": "9911111111111113"}, "policy-check-failed", "number"),
        ({"number": "99"}, "policy-length", "number"),
        ({"kind": "old-policy", "number": "123456"}, "policy-series-missing", "series"),
        ({"kind": "temporary-policy", "number": "1"}, "policy-temporary-malformed", "number"),
        ({"kind": "temporary-policy", "number": "123456789"}, "policy-issued-missing", "issued_on"),
        (
            {"kind": "temporary-policy", "number": "123456789", "issued_on": "31.02.2026"},
            "policy-issued-malformed",
            "issued_on",
        ),
        (
            {"kind": "temporary-policy", "number": "123456789", "issued_on": "01.01.2020"},
            "policy-temporary-ended",
            "issued_on",
        ),
        ({"kind": "nonsense", "number": "1"}, "policy-kind-missing", "kind"),
    ],
)
def test_each_mistake_names_its_field(anna: Person, form: dict[str, str], code: str, field: str) -> None:
    answer = anna.post("/services/policy", **form)
    assert (answer.status_code, code_of(answer)) == (422, code)
    assert f'id="{field}-error"' in answer.text


def test_the_policy_of_another_patient_is_refused(portal: Portal, anna: Person) -> None:
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, None)
    assert link(anna, number=BORIS.enp) == "policy-taken"


def test_unlinking_explains_what_ends_before_it_does_and_lets_link_again(
    portal: Portal, anna: Person
) -> None:
    assert link(anna, number=ANNA.enp) == LINKED
    assert link(anna, kind="old-policy", series="АБ", number="123456") == "policy-already-linked"
    page = anna.get("/services/policy/unlink").text
    assert "больше не узнают" in page and linked(portal, anna) is not None, "reading changes nothing"
    answer = anna.post("/services/policy/unlink")
    assert answer.headers["location"] == "/services/policy?notice=policy-unlinked"
    assert linked(portal, anna) is None
    assert portal.opened.ledger.find("enp", ANNA.enp) is None, "its number recognises nobody"
    again = anna.post("/services/policy/unlink")
    assert (again.status_code, code_of(again)) == (409, "policy-not-linked")
    assert link(anna, number=ANNA.enp) == LINKED


def test_unlinking_asks_who_it_is_once_more(portal: Portal, anna: Person) -> None:
    assert link(anna, number=ANNA.enp) == LINKED
    with portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE access.sessions SET proved_at = now() - interval '1 hour'")
    answer = anna.post("/services/policy/unlink")
    assert answer.headers["location"].startswith("/step-up?to=")
    assert linked(portal, anna) is not None


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"kind": "old-policy", "series": "АБ", "number": "123456"}, (OLD_SYSTEM, "аб 123456")),
        (
            {"kind": "temporary-policy", "number": "123456789", "issued_on": YESTERDAY},
            (TEMPORARY_SYSTEM, "123456789"),
        ),
    ],
)
def test_a_report_with_that_policy_alone_finds_its_patient(
    portal: Portal, laboratory: Laboratory, anna: Person, form: dict[str, str], sent: tuple[str, str]
) -> None:
    assert link(anna, **form) == LINKED
    answer = portal.submit(laboratory.seal(bundle("1", ANNA, identifiers=(sent,))))
    assert answer.json()["reports"][0].get("held") is None
    portal.catch_up()
    assert "Креатинин" in anna.get("/reports").text


def test_without_a_policy_results_wait_until_one_is_linked_again(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    """Her СНИЛС recognises her all the same (S36)."""
    answer = portal.submit(laboratory.seal(bundle("1", ANNA, identifiers=((SNILS_SYSTEM, ANNA.snils),))))
    assert answer.json()["reports"][0]["held"]["code"] == "policy-unlinked"
    assert link(anna, number=ANNA.enp) == LINKED
    portal.notify()
    portal.catch_up()
    assert "Креатинин" in anna.get("/reports").text


def test_a_certificate_that_has_ended_recognises_nobody(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    assert link(anna, kind="temporary-policy", number="123456789", issued_on=YESTERDAY) == LINKED
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    assert end_temporary_policies(ledger, now) == 0
    assert end_temporary_policies(ledger, now + timedelta(days=400)) == 1
    assert end_temporary_policies(ledger, now + timedelta(days=400)) == 0
    assert portal.events(PolicyUnlinked)[-1].event.reason == "ended"
    content = bundle("1", ANNA, identifiers=((TEMPORARY_SYSTEM, "123456789"),))
    assert portal.submit(laboratory.seal(content)).json()["reports"][0]["held"]["code"] == "patient-unknown"
