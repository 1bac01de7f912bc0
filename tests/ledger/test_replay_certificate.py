"""The replay certificate: a signed note that is the event, in one spelling, and nothing else."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import orjson
import pytest

from domain.replay_certificate import HistoryReplayed, ReplayedDecisions, ReplayedView, is_clean
from ledger import leaf, merkle, note
from ledger.codec import Circumstances, to_data
from ledger.receipt import signer_of
from ledger.replay_certificate import (
    Certificate,
    CertificateNotFoundError,
    InvalidCertificateError,
    certificate,
    certificates,
    latest,
    parse,
    record,
    sign,
    stored_bytes,
    to_text,
    verify,
)
from ledger.store import Ledger
from tests.examples import REPLAYED
from tests.scenario import TESTER

GOLDEN = Path(__file__).parents[1] / "golden" / "evidence"
ORIGIN = "letopis.example/ledger"
SIGNER = note.Signer(f"{ORIGIN}/receipts", bytes(range(32)))
DIFFERING = HistoryReplayed(
    position=42,
    release="5f1d2c3b4a596877",
    tree_size=40,
    root="ab" * 32,
    views=(
        ReplayedView(name="audit", sha256="01" * 32, parked=0),
        ReplayedView(name="cabinet", sha256="02" * 32, parked=1, rebuilt_sha256="03" * 32, differs_at=17),
        ReplayedView(name="delivery", sha256="04" * 32, parked=0, rebuilt_sha256="05" * 32),
    ),
    decisions=ReplayedDecisions(same=3, differing=1, erased=2, differs_at=21),
    finding="a version of the stream is missing",
    finding_index=12,
)


def stored(replayed: HistoryReplayed) -> bytes:
    """The bytes of an event as the ledger keeps them, with fixed ids, time and salt."""
    head = leaf.header(
        origin=ORIGIN,
        event_id=UUID(int=1),
        stream_id=UUID(int=2),
        version=3,
        name="HistoryReplayed",
        schema_version=1,
        recorded_at=datetime(2026, 11, 26, 0, 10, 4, 123456, UTC),
        key_id=None,
    )
    salt = b"AAECAwQFBgcICQoLDA0ODw=="
    circumstances = orjson.dumps(Circumstances(actor="system:certificate"))
    rest = b"\n".join((salt, circumstances, to_data(replayed)))
    return leaf.complete(head, rest=rest, commitment=None) + b"\n" + rest


def given_by(state: bytes, replayed: HistoryReplayed) -> Certificate:
    entry = leaf.split(state)[0]
    found = leaf.parse(entry)
    return Certificate(
        origin=ORIGIN,
        event_id=found.event_id,
        leaf_hash=merkle.leaf_hash(entry),
        number=found.version,
        recorded_at=found.recorded_at,
        replayed=replayed,
    )


@pytest.mark.parametrize(
    ("name", "replayed"), [("clean", replace(REPLAYED, release="5f1d2c3b4a596877")), ("differs", DIFFERING)]
)
def test_the_form_is_for_ever(name: str, replayed: HistoryReplayed) -> None:
    """The worked examples of docs/evidence/certificate.md, which other verifiers read too."""
    state = stored(replayed)
    content = note.sign(to_text(given_by(state, replayed)), SIGNER)
    files = {
        f"certificate-{name}.note": content,
        f"certificate-{name}.event": state,
        "certificate.vkey": SIGNER.verifier.vkey.encode() + b"\n",
    }
    for file, expected in files.items():
        path = GOLDEN / file
        if "LETOPIS_WRITE_GOLDEN" in os.environ and not path.exists():
            path.write_bytes(expected)
        assert path.read_bytes() == expected, file
    found = verify(content, SIGNER.verifier)
    assert found == given_by(state, replayed)
    assert (f"verdict {'clean' if is_clean(replayed) else 'differs'}\n" in to_text(found)) and (
        is_clean(replayed) is (name == "clean")
    )
    # What an auditor with the stored bytes checks.
    entry, rest = leaf.split(state)
    assert merkle.leaf_hash(entry) == found.leaf_hash
    assert leaf.parse(entry).digest == hashlib.sha256(rest).digest()


def test_no_mutant_is_taken() -> None:
    """Every single change of a byte, and every line lost, doubled or swapped."""
    text = to_text(given_by(stored(DIFFERING), DIFFERING))
    content = note.sign(text, SIGNER)
    chance = Random(7)
    for place in range(len(content)):
        mutant = bytearray(content)
        mutant[place] ^= 1 << chance.randrange(8)
        with pytest.raises(InvalidCertificateError):
            verify(bytes(mutant), SIGNER.verifier)
    lines = text.splitlines(keepends=True)
    for place in range(len(lines)):
        swapped = lines[:place] + lines[place + 1 : place + 2] + lines[place : place + 1] + lines[place + 2 :]
        for mutant_lines in (
            lines[:place] + lines[place + 1 :],
            [*lines[:place], lines[place], *lines[place:]],
            swapped,
        ):
            # Without the line of a view it is another certificate, which only the right key can make.
            is_another = len(mutant_lines) < len(lines) and lines[place].startswith("view")
            if mutant_lines != lines and not is_another:
                with pytest.raises(InvalidCertificateError):
                    # Signed by the right key: the form alone refuses it.
                    verify(note.sign("".join(mutant_lines), SIGNER), SIGNER.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("verdict differs", "verdict clean"),
        ("position 42", "position 042"),
        ("recorded 2026-11-26T00:10:04.123456+00:00", "recorded 2026-11-26T00:10:04.123456Z"),
        ("log broken 12 a version of the stream is missing", "log sound"),
        ("decisions 3 1 2 21", "decisions 3 1 2 +21"),
        ("view audit", "view  audit"),
        ("view delivery", "view audit"),
        ("position 42", "position ٤٢"),
    ],
)
def test_what_the_right_key_signed_in_another_spelling_is_refused(old: str, new: str) -> None:
    text = to_text(given_by(stored(DIFFERING), DIFFERING))
    assert old in text
    if old.startswith("log broken"):
        # Another certificate, and a well-formed one.
        assert parse(text.replace(old, new)).replayed.finding is None
        return
    with pytest.raises(InvalidCertificateError):
        verify(note.sign(text.replace(old, new, 1), SIGNER), SIGNER.verifier)


def test_a_certificate_is_of_its_own_log() -> None:
    text = to_text(given_by(stored(DIFFERING), DIFFERING))
    other = note.Signer("letopis.other/ledger/receipts", bytes(range(32)))
    with pytest.raises(InvalidCertificateError):
        verify(note.sign(text, other), other.verifier)


def test_certificates_are_numbered_and_the_newest_is_first(ledger: Ledger) -> None:
    assert latest(ledger) is None
    record(ledger, REPLAYED, TESTER)
    record(ledger, DIFFERING, TESTER)
    newest, first = certificates(ledger, limit=9)
    assert certificates(ledger, limit=1) == [newest]
    assert (certificate(ledger, first.event_id), certificate(ledger, newest.event_id)) == (first, newest)
    with pytest.raises(CertificateNotFoundError):
        certificate(ledger, uuid4())
    assert (newest.number, first.number) == (2, 1)
    assert latest(ledger) == newest and certificate(ledger, first.event_id) == first
    assert verify(sign(ledger, newest), signer_of(ledger).verifier) == newest
    entry, rest = leaf.split(stored_bytes(ledger, newest))
    assert merkle.leaf_hash(entry) == newest.leaf_hash and rest.endswith(to_data(DIFFERING))
    with pytest.raises(CertificateNotFoundError):
        certificate(ledger, UUID(int=9))
