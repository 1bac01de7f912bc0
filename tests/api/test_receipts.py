"""Each kept submission has a signed receipt, for ever the same, with a number without a gap, and the log
keeps what it promised."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ledger import checkpoint, merkle, note, proof
from ledger.store import Ledger
from projections import signing
from tests.api.cast import Laboratory, Portal, bundle
from tests.api.command import letopis


def receipt_of(portal: Portal, envelope: bytes) -> dict[str, str]:
    """The lines of a submission's receipt by their first word, after its signature was verified with the
    published key."""
    body = portal.submit(envelope).json()
    verifier = note.Verifier.from_vkey(portal.machine.get("/v1/receipts/key").json()["vkey"])
    text = note.open(body["receipt"].encode(), [verifier]).text
    first, origin, *lines = text.splitlines()
    assert (first, origin) == ("letopis/receipt@v1", portal.opened.ledger.origin)
    return dict(line.split(" ", 1) for line in lines) | {"body": body["submission_id"]}


def test_a_receipt_names_what_was_submitted(portal: Portal, laboratory: Laboratory) -> None:
    content = bundle("1")
    receipt = receipt_of(portal, laboratory.seal(content))
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert receipt["submission"] == receipt["body"]
    assert (receipt["laboratory"], receipt["number"]) == (str(laboratory.laboratory_id), "1")
    assert receipt["content"] == f"sha256:{digest}"


def test_what_lies_in_quarantine_has_a_receipt_and_a_number_too(
    portal: Portal, laboratory: Laboratory
) -> None:
    first = receipt_of(portal, laboratory.seal(b"not json"))
    assert (first["number"], receipt_of(portal, laboratory.seal(bundle("1")))["number"]) == ("1", "2")


def test_what_is_refused_has_neither(portal: Portal, laboratory: Laboratory) -> None:
    assert "receipt" not in portal.submit(b"no envelope").json()
    assert receipt_of(portal, laboratory.seal(bundle("1")))["number"] == "1"


def test_numbers_have_no_gap_under_many_hands(portal: Portal, laboratory: Laboratory) -> None:
    envelopes = [laboratory.seal(bundle(str(number % 5))) for number in range(40)]
    with ThreadPoolExecutor(8) as hands:
        bodies = list(hands.map(lambda envelope: portal.submit(envelope).json(), envelopes * 2))
    notes = {body["submission_id"]: body["receipt"] for body in bodies}
    assert all(body["receipt"] == notes[body["submission_id"]] for body in bodies)
    numbers = sorted(int(text.split("number ")[1].split("\n")[0]) for text in notes.values())
    assert numbers == list(range(1, 41))


def test_the_log_keeps_the_promise_of_a_receipt(portal: Portal, laboratory: Laboratory) -> None:
    receipt = receipt_of(portal, laboratory.seal(bundle("1")))
    early = portal.machine.get(f"/v1/submissions/{receipt['submission']}/proof")
    assert early.status_code in (200, 404)
    portal.catch_up()
    signing.sign_at_hand(portal.opened.ledger)
    answer = portal.machine.get(f"/v1/submissions/{receipt['submission']}/proof")
    assert answer.status_code == 200
    found = proof.parse(answer.content)
    log = note.Verifier.from_vkey(portal.machine.get("/v1/log/key").json()["vkey"])
    signed = checkpoint.verify(found.checkpoint, log)
    merkle.check_inclusion(
        found.hashes,
        index=found.index,
        tree_size=signed.tree_size,
        leaf=base64.b64decode(receipt["leaf"]),
        root=signed.root_hash,
    )


def test_only_a_submission_has_such_a_proof(portal: Portal, laboratory: Laboratory) -> None:
    report_id = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]
    for stream_id in (report_id, laboratory.laboratory_id):
        answer = portal.machine.get(f"/v1/submissions/{stream_id}/proof")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_what_a_number_was_is_listed(portal: Portal, laboratory: Laboratory) -> None:
    bodies = [portal.submit(laboratory.seal(content)).json() for content in (bundle("1"), b"not json")]
    run = letopis(portal.opened, "lab", "submissions", laboratory.sender.handle, "--json")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(line["number"], line["submission"]) for line in lines] == [
        (number, body["submission_id"]) for number, body in enumerate(bodies, 1)
    ]
    assert [(line["status"], line["problem"]) for line in lines] == [
        ("accepted", None),
        ("quarantined", "content-not-json"),
    ]
    run = letopis(portal.opened, "lab", "submissions", laboratory.sender.handle, "--after", "1")
    assert run.stdout.startswith("2  ") and len(run.stdout.splitlines()) == 1


# Numbers in the database.


def test_a_number_that_is_changed_is_found(
    portal: Portal, laboratory: Laboratory, sql: psycopg.Connection
) -> None:
    for number in range(3):
        portal.submit(laboratory.seal(bundle(str(number))))
    assert letopis(portal.opened, "verify").returncode == 0
    sql.execute("ALTER TABLE ledger.numbers DISABLE TRIGGER numbers_append_only")
    sql.execute("UPDATE ledger.numbers SET number = 9 WHERE number = 2")
    run = letopis(portal.opened, "verify")
    assert run.returncode == 1 and "number" in run.stdout + run.stderr


def test_numbers_are_append_only(ledger: Ledger, sql: psycopg.Connection) -> None:
    for statement in ("UPDATE ledger.numbers SET number = 1", "DELETE FROM ledger.numbers"):
        with pytest.raises(psycopg.Error):
            sql.execute(statement)
    with ledger.pool.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO ledger.numbers VALUES (gen_random_uuid(), 7, gen_random_uuid())")
