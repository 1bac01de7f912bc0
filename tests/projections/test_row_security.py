"""The second wall: in the role of patients' pages, the database itself shows one patient's rows only."""

from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.linkage import OrganisationLinked
from domain.values import PatientId
from ledger.store import Ledger
from projections import PROJECTIONS, Projection, cabinet
from projections.follow import Follower
from projections.rebuild import rebuild
from tests.examples import ANNA, BORIS, CLINIC, MATCHED, READ, RECEIVED, REQUESTED, SUPPRESSED
from tests.scenario import recorded

# Tables whose rows say whose they are.
_OWNED = """
SELECT n.nspname || '.' || c.relname, c.relrowsecurity,
    has_table_privilege('letopis_patient', c.oid, 'SELECT')
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE attname = 'patient_id' AND relkind = 'r' AND nspname = ANY(%s) ORDER BY 1
"""
# Asked in every way that a query may forget to say whose rows it wants.
SEEN = {
    "analytes.reports": "SELECT patient_id FROM analytes.reports",
    "cabinet.reports": "SELECT patient_id FROM cabinet.reports",
    "cabinet.linkages": "SELECT patient_id FROM cabinet.linkages",
    "cabinet.versions": "SELECT r.patient_id FROM cabinet.versions AS v LEFT JOIN cabinet.reports AS r"
    " USING (report_id)",
    "audit.entries": "SELECT patient_id FROM audit.entries",
    "delivery.notifications": "SELECT patient_id FROM delivery.notifications",
    "organisations.linkages": "SELECT patient_id FROM organisations.linkages",
    "organisations.cards": "SELECT patient_id FROM organisations.cards",
    "study_requests.requests": "SELECT patient_id FROM study_requests.requests",
    "consultations.bookings": "SELECT patient_id FROM consultations.bookings",
    "obligations.obligations": "SELECT patient_id FROM obligations.obligations",
    "appeals.appeals": "SELECT patient_id FROM appeals.appeals",
    "sharing.shares": "SELECT patient_id FROM sharing.shares",
    "tickets.tickets": "SELECT patient_id FROM tickets.tickets",
    "corrections.owed": "SELECT patient_id FROM corrections.owed",
    "patient_chains.chains": "SELECT patient_id FROM patient_chains.chains",
    "patient_chains.links": "SELECT patient_id FROM patient_chains.links",
    "patient_chains.streams": "SELECT patient_id FROM patient_chains.streams",
    "guardianship.relations": "SELECT coalesce(ward_id, guardian_id) FROM guardianship.relations",
}
# Views whose rows this test puts there itself, with whose they are; what else a row says is no matter here.
PUT = {
    "organisations.cards": "patient_id",
    "study_requests.requests": "patient_id",
    "consultations.bookings": "patient_id",
    "obligations.obligations": "patient_id",
    "appeals.appeals": "patient_id",
    "sharing.shares": "patient_id",
    "tickets.tickets": "patient_id",
    "corrections.owed": "patient_id",
    "guardianship.relations": "guardian_id",
}
_FILLERS = {
    "uuid": "gen_random_uuid()",
    "bigint": "(random() * 1e9)::bigint",
    "integer": "1",
    "text": "'word'",
    "date": "current_date",
    "timestamp with time zone": "now()",
    "bytea": "''::bytea",
    "boolean": "false",
    "text[]": "'{}'",
}


@pytest.fixture
def filled(ledger: Ledger, follower: Follower, sql: psycopg.Connection) -> Ledger:
    """Anna and Boris have each a report, a reading, a linkage, a notice, and a row in every other view."""
    for patient_id in (ANNA, BORIS):
        report_id = uuid4()
        recorded(ledger, report_id, RECEIVED, replace(MATCHED, patient_id=patient_id))
        recorded(ledger, uuid4(), replace(READ, patient_id=patient_id, report_id=report_id))
        recorded(ledger, uuid4(), replace(REQUESTED, patient_id=patient_id, report_id=report_id))
        recorded(ledger, uuid4(), OrganisationLinked(patient_id=patient_id, organisation_id=CLINIC))
    follower.catch_up()
    for table, column in PUT.items():
        for patient_id in (ANNA, BORIS):
            _put(sql, table, column, patient_id)
    return ledger


def _put(sql: psycopg.Connection, table: str, column: str, patient_id: PatientId) -> None:
    """A row of the patient's, with fillers where something must stand."""
    columns = sql.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND attnotnull AND NOT atthasdef AND attname <> %s",
        (table, column),
    ).fetchall()
    names = ", ".join([column, *(name for name, _ in columns)])
    fillers = ", ".join(["%s", *(_FILLERS[kind] for _, kind in columns)])
    sql.execute(f"INSERT INTO {table} ({names}) VALUES ({fillers})".encode(), (patient_id,))


@pytest.fixture
def raw(filled: Ledger, sql: psycopg.Connection) -> psycopg.Connection:
    """A bare session in the role of patients' pages."""
    sql.execute("SET ROLE letopis_patient")
    return sql


def owners(connection: psycopg.Connection, query: str) -> set[UUID | None]:
    return {row[0] for row in connection.execute(query.encode()).fetchall()}


@pytest.mark.parametrize("table", SEEN)
def test_without_a_patient_there_are_no_rows(raw: psycopg.Connection, table: str) -> None:
    assert owners(raw, SEEN[table]) == set()
    with raw.transaction():
        raw.execute("SELECT set_config('letopis.patient', '', true)")
        assert owners(raw, SEEN[table]) == set()


@pytest.mark.parametrize("table", SEEN)
@pytest.mark.parametrize("patient_id", [ANNA, BORIS])
def test_with_a_patient_there_are_their_rows_only(
    raw: psycopg.Connection, table: str, patient_id: PatientId
) -> None:
    with raw.transaction():
        raw.execute("SELECT set_config('letopis.patient', %s, true)", (str(patient_id),))
        assert owners(raw, SEEN[table]) == {patient_id}
    # What was set for one transaction is not left over for the next.
    assert owners(raw, SEEN[table]) == set()


def test_a_guardian_sees_the_notices_to_them_that_are_of_what_they_may_see(
    ledger: Ledger, follower: Follower
) -> None:
    """Boris is told of his ward Anna; of what is closed to him he finds not even that it was kept from him."""
    told = replace(REQUESTED, recipient_id=BORIS)
    shown, closed = uuid4(), uuid4()
    recorded(ledger, shown, told)
    recorded(ledger, closed, replace(told, report_version=2), replace(SUPPRESSED, reason="not-in-sight"))
    follower.catch_up()
    query = b"SELECT notification_id FROM delivery.notifications"
    with ledger.of_patient(BORIS) as connection:
        assert {row[0] for row in connection.execute(query)} == {shown}
    with ledger.of_patient(ANNA) as connection:
        assert {row[0] for row in connection.execute(query)} == {shown, closed}
    with ledger.of_patient(PatientId(uuid4())) as connection:
        assert connection.execute(query).fetchall() == []


def test_a_pooled_connection_keeps_neither_the_patient_nor_the_role(filled: Ledger) -> None:
    with filled.of_patient(ANNA) as connection:
        assert owners(connection, SEEN["cabinet.reports"]) == {ANNA}
        used = connection.info.backend_pid
    with pytest.raises(psycopg.errors.InsufficientPrivilege), filled.of_patient(ANNA) as connection:
        connection.execute("SELECT FROM ledger.events")
    with filled.pool.connection() as connection:
        assert connection.info.backend_pid == used
        row = connection.execute("SELECT current_user, current_setting('letopis.patient')").fetchone()
        assert row == ("letopis_app", "")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM ledger.events",
        "SELECT FROM ledger.data_keys",
        "SELECT FROM ledger.blind_index",
        "SELECT FROM access.sessions",
        "SELECT FROM matching.patient_names",
        "INSERT INTO cabinet.linkages SELECT * FROM cabinet.linkages",
        "UPDATE cabinet.reports SET version_read = 0",
        "DELETE FROM delivery.notifications",
        "TRUNCATE audit.entries",
        # Who represents whom, and what a guardian is not told yet; how the providers answer.
        "SELECT FROM delivery.guardians",
        "SELECT FROM delivery.untold",
        "SELECT FROM delivery.parked",
        "SELECT FROM sending.channels",
    ],
)
def test_the_role_reads_views_and_nothing_else(raw: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement.encode())


def test_what_a_patient_may_select_has_a_policy(sql: psycopg.Connection) -> None:
    names = [view.name for view in PROJECTIONS]
    found = sql.execute(_OWNED, (names,)).fetchall()
    assert [table for table, has_policies, is_selected in found if is_selected and not has_policies] == []
    assert {table for table, _, is_selected in found if is_selected} <= set(SEEN)


@pytest.mark.parametrize("view", PROJECTIONS, ids=lambda view: view.name)
def test_a_view_that_was_made_anew_has_the_same_wall(
    filled: Ledger, owner: Ledger, view: Projection, sql: psycopg.Connection
) -> None:
    """What this test has put there itself is not made anew."""
    before = rights(sql, view.name)
    rebuild(owner, view)
    assert rights(sql, view.name) == before
    sql.execute("SET ROLE letopis_patient")
    for table, query in SEEN.items():
        assert owners(sql, query) == set(), table
    with filled.of_patient(BORIS) as connection:
        for table, query in SEEN.items():
            assert owners(connection, query) <= {BORIS}, table


def test_queries_of_the_cabinet_stop_at_the_wall(filled: Ledger) -> None:
    assert len(cabinet.reports_of(filled, ANNA)) == 1
    theirs = cabinet.reports_of(filled, BORIS)[0].report_id
    assert cabinet.report_of(filled, ANNA, theirs) is None
    assert cabinet.versions_of(filled, ANNA, theirs) == []


def rights(sql: psycopg.Connection, schema: str) -> list[tuple[object, ...]]:
    """Grants and policies of a view, as the catalogue prints them."""
    policies = sql.execute(
        "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = %s ORDER BY 1, 2",
        (schema,),
    ).fetchall()
    grants = sql.execute(
        "SELECT relname, relrowsecurity, array(SELECT one::text FROM unnest(relacl) AS one ORDER BY 1)"
        " FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = %s AND relkind = 'r'"
        " ORDER BY 1",
        (schema,),
    ).fetchall()
    return [*policies, *grants]
