"""Limits on what strangers may try, kept in PostgreSQL so that they hold over all processes together.

A token bucket for each act and subject: an address, a phone, a patient. The subject is kept as a keyed
digest. A bucket is one row with one time, `full_at`: taking a token moves it further, and a token is there as
long as it does not lie more than the whole bucket ahead. The row's lock makes a burst of parallel tries wait
for each other, so no more than the limit get through.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from types import MappingProxyType
from typing import Final, Literal

from fastapi import Request
from psycopg import sql

from api.arrivals import asker
from api.problems import ProblemError
from api.refusals import name_of_peer
from api.settings import Settings
from ledger import sealing
from ledger.store import Ledger

Act = Literal[
    "sign-in",
    "register",
    "code",
    "recovery",
    "estimate",
    "second-device",
    "external",
    "number",
    "scan",
    "sample",
    "email-code",
    "contact-test",
    "push",
    "staff-sign-in",
    "ticket",
    "ticket-message",
    "health-link",
    "archive",
    "my-data",
    "evidence",
    "export",
    "share",
    "consultation",
    "certificate",
]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries at once; all of them come back, one by one, within the time."""

    tries: int
    within: timedelta

    @property
    def each(self) -> timedelta:
        return self.within / self.tries


# What one phone, patient or account may be tried with. Guessing a password is further slowed by the growing
# waits of `sign_in`; these hold for phones that have no cabinet too, so that they do not differ.
OF_ONE_SUBJECT: Final = MappingProxyType(
    {
        "sign-in": Limit(20, timedelta(hours=1)),
        "register": Limit(20, timedelta(hours=1)),
        "code": Limit(60, timedelta(hours=1)),
        "recovery": Limit(20, timedelta(hours=2)),
        "estimate": Limit(120, timedelta(minutes=1)),
        "second-device": Limit(5, timedelta(minutes=30)),
        "external": Limit(20, timedelta(hours=1)),
        # A number is told to be another's: nobody finds out by trying who has a cabinet.
        "number": Limit(10, timedelta(days=1)),
        # What was removed stays in the ledger, sealed: nobody fills the disk with it.
        "scan": Limit(50, timedelta(days=1)),
        # A letter to any address that is typed: nobody is flooded from here.
        "email-code": Limit(10, timedelta(days=1)),
        "contact-test": Limit(5, timedelta(hours=1)),
        # Each stays in the ledger, and stands in the short list of what happened to the account: nobody pushes out
        # of it what its owner should see.
        "push": Limit(10, timedelta(days=1)),
        # Somebody reads each of them.
        "ticket": Limit(10, timedelta(days=1)),
        "ticket-message": Limit(120, timedelta(hours=1)),
        # A thousand files each: nobody keeps two processors busy for hours.
        "archive": Limit(20, timedelta(hours=1)),
        "my-data": Limit(5, timedelta(hours=1)),
        # Each makes a proof anew, and stays in the ledger.
        "evidence": Limit(60, timedelta(hours=1)),
        # Each may be of all that there is, and keeps a disk busy for minutes.
        "export": Limit(30, timedelta(hours=1)),
        # Each is told to its doctor, and stays on their list.
        "share": Limit(50, timedelta(days=1)),
        # Who books, cancels and books again leaves others no time.
        "consultation": Limit(10, timedelta(days=1)),
        # A sample is a report for ever.
        "sample": Limit(5, timedelta(days=1)),
    }
)

# Who waited for the row's lock is judged by their own clock, which is behind: never too many get through.
_TAKE = sql.SQL(
    "INSERT INTO access.limits AS held (act, subject, full_at) VALUES (%(act)s, %(subject)s, now() + %(each)s)"
    " ON CONFLICT (act, subject) DO UPDATE SET full_at = greatest(held.full_at, now()) + %(each)s"
    " WHERE greatest(held.full_at, now()) + %(each)s <= now() + %(within)s RETURNING 1"
)
_WAIT = sql.SQL(
    "SELECT extract(epoch FROM full_at + %(each)s - %(within)s - now()) FROM access.limits"
    " WHERE act = %(act)s AND subject = %(subject)s"
)


def take(ledger: Ledger, act: Act, subject: str, limit: Limit | None = None) -> None:
    """One try, counted before anything is looked at; `tries-too-many` with the seconds to wait if the
    bucket is empty."""
    chosen = limit or OF_ONE_SUBJECT[act]
    values = {
        "act": act,
        "subject": sealing.mark(ledger.custody.index_key, f"limit:{act}", subject),
        "each": chosen.each,
        "within": chosen.within,
    }
    with ledger.pool.connection() as connection:
        if connection.execute(_TAKE, values, prepare=True).fetchone() is not None:
            return
        row = connection.execute(_WAIT, values).fetchone()
    # A row that is gone by now had a token: the next try will find it.
    raise ProblemError("tries-too-many", "form", retry_after=max(1, ceil(row[0])) if row else 1)


def take_from_address(request: Request, ledger: Ledger, settings: Settings, act: Act) -> None:
    """One try from the address of who asks. A household or a clinic may share one, so its bucket is larger."""
    limit = Limit(settings.tries_per_hour_of_one_address, timedelta(hours=1))
    if act == "estimate":
        limit = OF_ONE_SUBJECT["estimate"]
    take(ledger, act, f"address:{name_of_peer(asker(request, settings))}", limit)


def remove_past(ledger: Ledger, _: datetime) -> int:
    """Take away what says nothing any more: full buckets, and what waited too long for its owner. A step of the
    clockwork; the time is the database's own, as in everything here."""
    with ledger.pool.connection() as connection, connection.transaction():
        return sum(
            connection.execute(statement).rowcount
            for statement in (
                "DELETE FROM access.limits WHERE full_at < now()",
                "DELETE FROM access.recoveries WHERE expires_at < now()",
                "DELETE FROM access.confirmations WHERE expires_at < now() - interval '1 day'",
                "DELETE FROM access.external_sign_ins WHERE expires_at < now()",
                "DELETE FROM access.share_passcodes WHERE expires_at < now()",
                "DELETE FROM access.share_files WHERE expires_at < now()",
                "DELETE FROM access.challenges WHERE created_at < now() - interval '2 days'",
            )
        )
