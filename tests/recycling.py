"""A test's database is emptied for the next test: that takes a tenth of what a fresh clone of the template takes.

It gets a new name first, so that a thread which an earlier test left behind finds nothing any more. A database whose
form was changed (a table, a trigger, a right), or that has grown, is not handed on.
"""

from dataclasses import dataclass, field
from time import sleep

import psycopg
from psycopg.sql import SQL, Identifier

GROWN_BYTES = 40_000_000
TRIES = 50

_OURS = "relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema$)')"
# Whatever changes the form of a database writes a row of one of these; emptying tables does not.
_FORM = "SELECT " + ", ".join(
    f"(SELECT (count(*), sum(xmin::text::bigint), sum(oid::bigint))::text FROM {catalogue})"
    for catalogue in (
        "pg_class",
        "pg_namespace",
        "pg_proc",
        "pg_trigger",
        "pg_policy",
        "pg_constraint",
        "pg_type",
        "pg_extension",
        "pg_default_acl",
    )
)
_COLUMNS = "SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_attribute"
_FILLED = (
    f"SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0 AND {_OURS}"
)
_SEQUENCES = (
    "SELECT c.oid::regclass::text, s.seqstart, pg_sequence_last_value(c.oid)"
    " FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid"
)


def _form(connection: psycopg.Connection) -> tuple[object, ...]:
    forms = connection.execute(_FORM).fetchone()
    columns = connection.execute(_COLUMNS).fetchone()
    assert forms is not None and columns is not None
    return (*forms, *columns)


@dataclass(slots=True)
class Template:
    """What a fresh clone is like: its form, the rows that migrations put in, and where its sequences stand."""

    form: tuple[object, ...]
    rows: dict[str, bytes] = field(default_factory=dict)
    sequences: dict[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, conninfo: str) -> "Template":
        with psycopg.connect(conninfo, autocommit=True) as connection:
            found = cls(_form(connection))
            for (table,) in connection.execute(_FILLED).fetchall():
                with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                    found.rows[table] = b"".join(copy)
            found.sequences = {row[0]: row[2] for row in connection.execute(_SEQUENCES).fetchall()}
        return found

    def restore(self, conninfo: str) -> bool:
        """Make the database like a fresh clone; False if it can't be, as by an owner who is no superuser."""
        try:
            return self._restored(conninfo)
        except psycopg.errors.InsufficientPrivilege:
            return False

    def _restored(self, conninfo: str) -> bool:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            if size is None or size[0] > GROWN_BYTES or _form(connection) != self.form:
                return False
            with connection.transaction():
                # Neither triggers nor foreign keys: history is not taken back, this is another database.
                connection.execute("SET LOCAL session_replication_role = replica")
                filled = [row[0] for row in connection.execute(_FILLED).fetchall()]
                connection.execute("; ".join(f"DELETE FROM {table}" for table in filled))
                for table, rows in self.rows.items():
                    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                        copy.write(rows)
                for name, start, last in connection.execute(_SEQUENCES).fetchall():
                    if last != self.sequences[name]:
                        before = self.sequences[name]
                        connection.execute(
                            "SELECT setval(%s::regclass, %s, %s)", (name, before or start, before is not None)
                        )
        return True


def rename(connection: psycopg.Connection, name: str, new_name: str) -> bool:
    """Whoever is still connected is put out first."""
    for _ in range(TRIES):
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (name,),
        )
        try:
            connection.execute(
                SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(new_name))
            )
        except psycopg.errors.ObjectInUse:
            sleep(0.01)
        else:
            return True
    return False
