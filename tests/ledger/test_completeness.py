"""The completeness proof: what a holder finds out of it, whatever the house that serves it does."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import completeness, leaf, merkle, patient_map
from ledger.completeness import InvalidCompletenessError, Kept, to_bytes, verify
from ledger.patient_map import EMPTY, MapLeaf
from tests.ledger.chain_house import LOG, ORIGIN, House, named

GOLDEN = Path(__file__).parent.parent / "golden" / "evidence"
ANNA, BORIS, VERA = named("Anna"), named("Boris"), named("Vera")
BLOOD, URINE, CONSENT = named("blood"), named("urine"), named("consent")


def served(house: House, patient: UUID = ANNA) -> bytes:
    return to_bytes(house.prove(patient))


def checked(house: House, kept: Kept | None = None) -> Kept:
    return verify(served(house), log=LOG.verifier, kept=kept).kept


def history() -> House:
    """Anna has a consent and a report, Boris and Vera something of their own."""
    house = House()
    house.record(ANNA, CONSENT, "ConsentGranted")
    house.record(BORIS, named("Boris's consent"), "ConsentGranted")
    house.record(ANNA, BLOOD, "ReportReceived", "ReportMatched")
    house.record(VERA, named("Vera's report"), "ReportReceived", "ReportMatched", "ReportRevised")
    house.commit()
    return house


def refused(content: bytes, reason: str, kept: Kept | None = None) -> None:
    with pytest.raises(InvalidCompletenessError, match=reason):
        verify(content, log=LOG.verifier, kept=kept)


def lies(house: House, links: list[bytes]) -> bytes:
    """What a house serves Anna that commits to another list than it has."""
    house.commit(chains={**house.chains, ANNA: links})
    return served(house)


# What it says.


def test_it_lists_the_events_in_order_and_which_reports_are_the_patients() -> None:
    house = history()
    proven = verify(served(house), log=LOG.verifier)
    assert [one.name for one in proven.links] == ["ConsentGranted", "ReportReceived", "ReportMatched"]
    assert proven.reports == (BLOOD,)
    assert (proven.kept.length, proven.kept.number, proven.patients) == (3, 1, 3)


def test_a_report_that_was_taken_back_is_not_the_patients_any_more() -> None:
    house = history()
    house.record(ANNA, BLOOD, "ReportUnmatched")
    house.commit()
    assert verify(served(house), log=LOG.verifier).reports == ()


def test_an_honest_list_that_grew_goes_on_from_what_was_kept() -> None:
    house = history()
    kept = checked(house)
    house.record(ANNA, BLOOD, "ReportRevised")
    house.record(ANNA, URINE, "ReportReceived", "ReportMatched")
    house.commit()
    assert checked(house, kept).length == 6
    assert checked(house, checked(house)).length == 6


# What is found out by who holds one proof.


def test_a_list_with_a_version_left_out_is_refused_by_who_never_saw_another() -> None:
    house = history()
    house.record(ANNA, BLOOD, "ReportRevised", "ReportVersionsHeld", "ReportRevised")
    without_one = [one for one in house.chains[ANNA] if leaf.parse(one).version != 3]
    refused(lies(house, without_one), "an event of a stream is missing")


def test_a_list_that_was_not_committed_to_is_refused() -> None:
    proof = history().prove(ANNA)
    shorter = replace(proof, links=proof.links[:-2])
    refused(to_bytes(shorter), "not what was committed to")
    refused(to_bytes(replace(proof, nonce=bytes(32))), "not what was committed to")
    refused(to_bytes(replace(proof, patient_id=BORIS)), "not what was committed to")


def test_what_makes_no_link_is_no_event_of_a_chain() -> None:
    house = history()
    house.record(ANNA, named("reading"), "ReportRead")
    house.commit()
    refused(served(house), "a kind that makes no link")


def test_the_commitment_must_be_the_event_that_the_log_holds() -> None:
    house = history()
    proof = house.prove(ANNA)
    other = proof.event.replace(b'"patients":3', b'"patients":4')
    refused(to_bytes(replace(proof, event=other)), "something else than its leaf")
    refused(to_bytes(replace(proof, index=0)), "another root|too (long|short)")
    house.commit(chains={BORIS: house.chains[BORIS], ANNA: house.chains[ANNA]})
    refused(to_bytes(replace(house.prove(ANNA), event=proof.event)), "another root|not what was committed")


# What is found out by who kept the one before.


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ([0], "the list is shorter"),
        ([1, 2], "the list is shorter"),
        ([1, 2, 0], "in another place"),
        ([0, 1, 2], ""),
    ],
)
def test_what_was_there_must_still_be_there_in_its_place(keep: list[int], reason: str) -> None:
    house = history()
    kept = checked(house)
    content = lies(house, [house.chains[ANNA][place] for place in keep])
    if reason:
        refused(content, reason, kept)
    else:
        verify(content, log=LOG.verifier, kept=kept)


def test_an_older_commitment_or_another_of_the_same_number_is_refused() -> None:
    house = history()
    older = served(house)
    kept = checked(house)
    refused(older, "two commitments of one number", replace(kept, map_root=bytes(32)))
    house.record(ANNA, BLOOD, "ReportRevised")
    house.commit()
    refused(older, "older than the one that was kept", checked(house))
    refused(served(house), "of another patient", replace(kept, patient_id=BORIS))
    refused(served(house), "of another stream", replace(kept, commitments=BORIS))
    refused(served(house), "two trees of one size", replace(checked(house), tree_root=bytes(32)))
    refused(served(house), "the checkpoint is older", replace(checked(house), tree_size=1000))


@st.composite
def _steps(draw: st.DrawFn) -> list[tuple[UUID, int]]:
    """Which patient's which report got an event."""
    return draw(st.lists(st.tuples(st.sampled_from([ANNA, BORIS, VERA]), st.integers(0, 3)), max_size=12))


def _take(house: House, steps: list[tuple[UUID, int]]) -> None:
    for patient, report in steps:
        stream = named(f"{patient} {report}")
        known = house.versions.get(stream, 0)
        house.record(
            patient, stream, *(("ReportReceived", "ReportMatched") if not known else ("ReportRevised",))
        )


@settings(max_examples=150, deadline=None)
@given(before=_steps(), after=_steps(), data=st.data())
def test_whatever_is_dropped_moved_or_put_in_is_found_by_the_holder_of_an_older_state(
    before: list[tuple[UUID, int]], after: list[tuple[UUID, int]], data: st.DataObject
) -> None:
    house = history()
    _take(house, before)
    house.commit()
    kept = checked(house)
    _take(house, after)
    house.commit()
    assert checked(house, kept).length == len(house.chains[ANNA])

    links = list(house.chains[ANNA])
    place = data.draw(st.integers(0, kept.length - 1))
    match data.draw(st.sampled_from(["drop", "swap", "cut", "insert", "replace"])):
        case "drop":
            del links[place]
        case "swap":
            other = data.draw(st.integers(0, len(links) - 1).filter(lambda one: one != place))
            links[place], links[other] = links[other], links[place]
        case "cut":
            del links[place:]
        case "insert":
            links.insert(place, house.chains[BORIS][0])
        case _:
            links[place] = house.chains[VERA][0]
    with pytest.raises(InvalidCompletenessError):
        verify(lies(house, links), log=LOG.verifier, kept=kept)


# What it does not say.


def test_two_patients_proofs_share_nothing_but_the_log_and_what_stands_for_others() -> None:
    house = history()
    of_anna, of_boris = served(house), served(house, BORIS)
    for one in house.chains[BORIS]:
        assert str(leaf.parse(one).stream_id).encode() not in of_anna
        assert str(leaf.parse(one).event_id).encode() not in of_anna
    assert str(BORIS).encode() not in of_anna
    assert orjson.loads(of_boris)["nonce"].encode() not in of_anna


# One spelling.


def test_every_flipped_bit_is_found() -> None:
    content = served(history())
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 7
        with pytest.raises(InvalidCompletenessError):
            verify(bytes(changed), log=LOG.verifier)


def _respelled(content: bytes, **changed: Any) -> bytes:
    found = orjson.loads(content) | changed
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def test_another_spelling_of_the_same_is_refused() -> None:
    content = served(history())
    refused(content[:-1], "one spelling")
    refused(content.replace(b'"format"', b' "format"'), "one spelling")
    refused(_respelled(content, extra=1), "one spelling")
    refused(_respelled(content, patient=str(ANNA).upper()), "one spelling")
    refused(_respelled(content, format="letopis/completeness@v2"), "version 1")
    refused(_respelled(content, siblings=["AA=="]), "32 bytes")
    refused(_respelled(content, links=[]), "the list is empty")
    refused(b"{}", "of another form")


# The map.


@settings(max_examples=50, deadline=None)
@given(st.sets(st.binary(min_size=32, max_size=32), max_size=40))
def test_every_leaf_of_a_map_has_a_path_to_its_one_root(labels: set[bytes]) -> None:
    leaves = [MapLeaf(label, merkle.leaf_hash(label)) for label in sorted(labels)]
    root = patient_map.subtree(leaves)
    assert root.leaves == len(leaves)
    for one in leaves:
        assert patient_map.root_of(one, patient_map.path(leaves, one.label)) == root.hash
    if not leaves:
        assert root.hash == EMPTY


def test_labels_that_differ_in_their_last_bit_only_have_places_of_their_own() -> None:
    alike = [MapLeaf(bytes(31) + bytes([last]), merkle.leaf_hash(bytes([last]))) for last in (0, 1)]
    root = patient_map.subtree(alike).hash
    assert len(patient_map.path(alike, alike[0].label)) == 256
    assert all(patient_map.root_of(one, patient_map.path(alike, one.label)) == root for one in alike)


# Files that other verifiers read: fixed keys, and the same bytes for ever.


def _golden_files() -> dict[str, bytes]:
    house = history()
    first, kept = served(house), checked(house)
    house.record(ANNA, BLOOD, "ReportRevised")
    house.record(BORIS, named("Boris's report"), "ReportReceived", "ReportMatched")
    house.commit()
    second = served(house)
    shorter = lies(house, house.chains[ANNA][:1])
    return {
        "completeness-1.json": first,
        "completeness-1.kept.json": completeness.kept_to_bytes(kept),
        "completeness-2.json": second,
        # Sound by itself, and refused by who kept the first one: its list is shorter.
        "completeness-3-shorter.json": shorter,
        "completeness.vkey": f"{LOG.verifier.vkey}\n".encode(),
    }


def test_the_golden_files_are_what_is_written_today() -> None:
    for name, content in _golden_files().items():
        path = GOLDEN / name
        if not path.exists() and os.environ.get("LETOPIS_WRITE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert path.read_bytes() == content, name


def test_what_is_kept_comes_back_as_it_was() -> None:
    kept = checked(history())
    assert completeness.kept_from_bytes(completeness.kept_to_bytes(kept)) == kept
    assert kept.origin == ORIGIN
    with pytest.raises(InvalidCompletenessError):
        completeness.kept_from_bytes(completeness.kept_to_bytes(kept)[:-1])
