"""The signer: a process of its own that signs the log as it grows, asks its witnesses, and publishes.

It alone reads the keys of the log, and no other key: it opens no data. It works under its own role in the database.
What is signed waits for nobody; witnesses are asked beside it, in a second thread, so that a slow one holds up only
what is published. The database tells it that the log grew (NOTIFY); that is a hint, and it looks by itself too.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import monotonic

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from api.node import database
from api.process import child
from api.settings import Settings
from api.signing_witnesses import Witnesses
from ledger import custody
from ledger.leading import leading
from projections.publishing import Pool, QuorumMissedError, as_signer, tell_state
from projections.signing import Signing
from projections.transparency import GREW, ForkError

# One signer of a database at a time; two of one folder could not contradict each other all the same.
LOCK = 7597102
# A checkpoint follows the last event within this time, and no sooner follows the one before.
SIGN_SECONDS = 0.4
# There is a hint, but it may be lost.
POLL_SECONDS = 1.0
# What stops the signer is looked at again after this.
STALLED_SECONDS = 5.0
STOP_SECONDS = 0.2
# A sign of life; who sees none for half a minute is alarmed.
STATE_SECONDS = 5.0
THIN_SECONDS = 3600.0

log = structlog.get_logger()


@dataclass(slots=True)
class Signer:
    """`alarms` says what stops signing and publishing, by which of the two it stops."""

    signing: Signing
    witnesses: Witnesses | None = None
    alarms: dict[str, str] = field(default_factory=dict)
    grew: Signal = field(default_factory=Signal)
    told_at: float = 0.0
    thinned_at: float = 0.0

    def run(self, stop: Signal) -> None:
        """Sign and publish until told to stop; waits for the lead, and survives the loss of the database."""
        publisher = Thread(target=self.publish_on, args=(stop,), name="publisher", daemon=True)
        publisher.start()
        while not stop.is_set():
            try:
                with leading(self.signing, LOCK) as leads, self._hint() as hint:
                    while leads and not stop.is_set():
                        pause = SIGN_SECONDS if self.sign() else STALLED_SECONDS
                        stop.wait(pause)
                        self._wait(hint, stop)
            except Exception as error:  # noqa: BLE001 - the edge of the loop: what is signed must go on
                log.error("signer.interrupted", error=type(error).__name__)
            stop.wait(POLL_SECONDS)
        self.grew.set()
        publisher.join(timeout=STALLED_SECONDS)

    def _wait(self, hint: psycopg.Connection[tuple[object, ...]], stop: Signal) -> None:
        """For the hint, or until it is time to look; who is told to stop is not long in it."""
        give_up = monotonic() + POLL_SECONDS
        while not (self.alarms or stop.is_set()) and monotonic() < give_up:
            if list(hint.notifies(timeout=STOP_SECONDS, stop_after=1)):
                return

    def sign(self) -> bool:
        """Sign once, if the log grew; False if something stops it, which is an alarm."""
        try:
            if self.signing.sign() is not None:
                self.grew.set()
        except ForkError as error:
            self._alarm("sign", "fork", detail=str(error))
        except OSError as error:
            # The memory could not be written: the disk is full or broken. Nothing is signed that is not remembered.
            self._alarm("sign", "storage", detail=type(error).__name__)
        else:
            self._calm("sign")
        self._tell()
        return "sign" not in self.alarms

    def publish_on(self, stop: Signal) -> None:
        """Publish what was signed, as it comes."""
        while not stop.is_set():
            self.grew.wait(POLL_SECONDS)
            self.grew.clear()
            try:
                self.publish()
            except Exception as error:  # noqa: BLE001 - as above
                log.error("publisher.interrupted", error=type(error).__name__)
                stop.wait(POLL_SECONDS)

    def publish(self) -> bool:
        """Publish once, if there is something; False if too few witnesses signed."""
        try:
            published = self.signing.publishing.publish(self.witnesses.ask if self.witnesses else None)
        except QuorumMissedError:
            self._alarm("publish", "witness" if self._is_contradicted else "quorum")
            return False
        if published is not None:
            if self._is_contradicted:
                self._alarm("publish", "witness")
            else:
                self._calm("publish")
        if monotonic() - self.thinned_at > THIN_SECONDS:
            self.thinned_at = monotonic()
            self.signing.publishing.thin()
        return True

    @property
    def _is_contradicted(self) -> bool:
        """Whether a witness knows another log of our name: a quorum of the others does not make that right."""
        return self.witnesses is not None and self.witnesses.is_contradicted

    @contextmanager
    def _hint(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        with self.signing.pool.connection() as connection:
            connection.execute(f"LISTEN {GREW}".encode())
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.execute(b"UNLISTEN *")

    def _alarm(self, of: str, alarm: str, *, detail: str = "") -> None:
        if self.alarms.get(of) != alarm:
            log.critical("log.stopped", by=alarm, detail=detail)
            self.told_at = 0.0
        self.alarms[of] = alarm

    def _calm(self, of: str) -> None:
        if self.alarms.pop(of, None) is not None:
            log.info("log.goes-on", of=of)
            self.told_at = 0.0

    def _tell(self) -> None:
        if monotonic() - self.told_at < STATE_SECONDS:
            return
        self.told_at = monotonic()
        asked, cosigned = (self.witnesses.asked, self.witnesses.cosigned) if self.witnesses else (0, 0)
        alarm = self.alarms.get("sign") or self.alarms.get("publish")
        tell_state(self.signing.pool, alarm=alarm, witnesses=asked, cosigned=cosigned)


def run(settings: Settings) -> None:
    """`letopis signer`: until the process is told to stop. That raises in the main thread, which does nothing but wait:
    in the midst of a query an error of the database that ends at the same moment would take its place, and nobody would
    be told to stop any more."""
    keys, stop = custody.load_log_keys(settings.signer_folder), Signal()
    with (
        database(settings) as conninfo,
        signer_pool(conninfo) as pool,
        ThreadPoolExecutor(1, "signer") as thread,
    ):
        signer = thread.submit(_sign, pool, keys, settings.witness_policy, stop)
        try:
            signer.result()
        finally:
            stop.set()


def _sign(pool: Pool, keys: custody.LogKeys, witness_policy: Path | None, stop: Signal) -> None:
    with ExitStack() as stack:
        origin = _origin(pool, stop)
        if origin is None:
            return
        signing, witnesses = Signing(pool, keys, origin), None
        if witness_policy is not None:
            witnesses = stack.enter_context(Witnesses.of_file(witness_policy, signing))
        Signer(signing, witnesses).run(stop)


def run_beside(settings: Settings) -> None:
    """In a process that `letopis serve` keeps alive. What starts it imports this module and nothing of the portal."""
    with child():
        run(settings)


@contextmanager
def signer_pool(conninfo: str) -> Iterator[Pool]:
    """Connections that begin as the signer's role, whoever they sign in as."""
    options = "-c role=letopis_signer -c lock_timeout=30s -c idle_in_transaction_session_timeout=30s"
    with ConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "options": options},
        min_size=1,
        max_size=6,
        open=True,
        check=ConnectionPool.check_connection,
        timeout=5.0,
    ) as pool:
        yield pool


def _origin(pool: Pool, stop: Signal) -> str | None:
    """The name of the log; who starts before the database is there, or is migrated, waits for it. None for who is told
    to stop meanwhile."""
    while not stop.wait(0):
        with suppress(psycopg.Error, TimeoutError), as_signer(pool) as connection:
            row = connection.execute("SELECT origin FROM ledger.identity").fetchone()
            if row is not None:
                return str(row[0])
        log.warning("signer.waits-for-database")
        stop.wait(POLL_SECONDS)
    return None
