"""Whatever comes, and however much at once: each submission is recorded once, or answered with a reason."""

import importlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from time import sleep
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.consent import ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.report import ReportMatched, ReportReceived
from domain.submission import SubmissionAccepted, SubmissionReceived
from domain.values import PatientId
from ledger import onboarding
from ledger.codec import Circumstances
from tests.api.cast import ANNA, Laboratory, Portal, bundle, grant, settled, whole, withdraw

OF_ONE_TEST = [HealthCheck.function_scoped_fixture]


# The same at once.


def test_the_same_envelope_by_eight_at_once_is_recorded_once(portal: Portal, laboratory: Laboratory) -> None:
    for number in range(5):
        envelope = laboratory.seal(bundle(f"{number}"))
        answers = at_once([lambda: portal.submit(envelope)] * 8)  # noqa: B023 - awaited in the loop
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
    for kind in (SubmissionReceived, SubmissionAccepted, ReportReceived):
        assert len(portal.events(kind)) == 5


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of acts that all begin at the same moment, each in a thread of its own."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


# A consent that is withdrawn while the laboratory sends.


def matched_without_consent(events: Sequence[Any]) -> list[int]:
    """The positions at which a report was given to a patient whose consent to it was not in force."""
    in_force: dict[tuple[PatientId, ConsentKind], bool] = {}
    found = []
    for recorded in events:
        match recorded.event:
            case ConsentGranted():
                in_force[recorded.event.patient_id, recorded.event.document.kind] = True
            case ConsentWithdrawn():
                in_force[recorded.event.patient_id, recorded.event.kind] = False
            case ReportMatched():
                key = (recorded.event.patient_id, ConsentKind.RESULTS_TRANSFER)
                if not in_force.get(key):
                    found.append(recorded.position)
    return found


def test_no_report_reaches_a_patient_after_the_consent_was_withdrawn(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    transfer, chance = ConsentKind.RESULTS_TRANSFER, random.Random(20261123)
    for number in range(40):
        envelope = laboratory.seal(bundle(f"{number}"))
        lead = chance.uniform(-0.01, 0.01)

        def send(envelope: bytes = envelope, lead: float = lead) -> httpx2.Response:
            sleep(max(0.0, lead))
            return portal.submit(envelope)

        def take_back(lead: float = lead) -> None:
            sleep(max(0.0, -lead))
            withdraw(portal.opened, anna, transfer)

        answer, _ = at_once([send, take_back])
        assert answer.status_code == 201
        grant(portal.opened, anna, transfer)
    raced = portal.events(ConsentGranted, ConsentWithdrawn, ReportMatched)
    assert matched_without_consent(raced) == []
    assert len(portal.events(ReportReceived)) == 40


def test_the_judge_of_that_race_sees_a_match_after_the_withdrawal(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("1")))
    withdraw(portal.opened, anna, ConsentKind.RESULTS_TRANSFER)
    events = portal.events(ConsentGranted, ConsentWithdrawn, ReportMatched)
    assert matched_without_consent(events) == []
    *before, withdrawn = events
    matched = next(recorded for recorded in before if isinstance(recorded.event, ReportMatched))
    before.remove(matched)
    assert matched_without_consent([*before, withdrawn, matched]) == [matched.position]


# Whatever comes.


@settings(max_examples=60, suppress_health_check=OF_ONE_TEST)
@given(body=st.binary(max_size=300))
def test_bytes_of_chance_are_refused_with_a_reason(
    portal: Portal, laboratory: Laboratory, body: bytes
) -> None:
    answer = portal.submit(body)
    assert 400 <= answer.status_code < 500 and whole(answer.json())


@settings(max_examples=80, suppress_health_check=OF_ONE_TEST)
@given(data=st.data())
def test_an_envelope_changed_on_the_way_is_refused_with_a_reason(
    portal: Portal, laboratory: Laboratory, data: st.DataObject
) -> None:
    sealed = laboratory.seal(bundle("1"), envelope_id="one", issued_at=datetime.now(UTC))
    envelope = bytearray(sealed)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(envelope) - 1))
        envelope[place] = (envelope[place] + data.draw(st.integers(1, 255))) % 256
    assume(envelope != sealed)  # two changes of one byte may undo each other
    answer = portal.submit(bytes(envelope))
    assert 400 <= answer.status_code < 500 and whole(answer.json())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, suppress_health_check=OF_ONE_TEST)
@given(data=st.data())
def test_signed_content_with_anything_in_it_is_recorded_or_kept_with_a_reason(
    portal: Portal, laboratory: Laboratory, data: st.DataObject
) -> None:
    content = json.loads(bundle("1"))
    container, key = data.draw(st.sampled_from(list(_places(content))))
    container[key] = data.draw(JSON)
    answer = portal.submit(laboratory.seal(json.dumps(content).encode()))
    assert answer.status_code in (201, 422), answer.text


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of the content at which something else could stand."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])


# A key that is revoked while what it signed is on its way.


@pytest.mark.parametrize("where", ["api.intake.read", "ledger.intake.drafts_of"])
def test_nothing_is_recorded_that_a_revoked_key_signed(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Revoked after the signature was verified; once before the laboratory is looked at again, once after."""
    module, _, name = where.rpartition(".")
    real, revoked = getattr(importlib.import_module(module), name), []

    def revoking(*arguments: Any) -> Any:
        if not revoked:
            revoked.append(laboratory.sender.key.thumbprint())
            onboarding.revoke_laboratory_key(
                portal.opened.ledger,
                laboratory.sender.handle,
                key_id=revoked[0],
                reason="stolen",
                by=Circumstances(actor="operator:test"),
            )
        return real(*arguments)

    monkeypatch.setattr(where, revoking)
    answer = portal.submit(laboratory.seal(bundle("1")))
    assert (answer.status_code, answer.json()["code"]) == (403, "laboratory-key-unknown")
    assert portal.events(SubmissionReceived, ReportReceived) == []
