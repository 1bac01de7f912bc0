"""Backup and restore with PostgreSQL's own means; a rolled-back ledger is named; what was erased opens in no copy."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psycopg
import pytest

from api import postgres_cluster
from api.backup import proving, restoring, taking, unburied
from api.backup.folder import BackupFolder
from api.backup.recovery import Recovery
from api.backup.restoring import Wanted
from api.backup.wholeness import RolledBackError, require_whole
from api.embedded_postgres import EmbeddedPostgres
from api.key_rotation import end_erasures
from api.node import Node, RestoreUnfinishedError, database, node, secrets_of
from api.settings import Settings
from domain.identity import ScanKind
from domain.values import PatientId
from ledger import commands, erasure, key_epochs, proof, scans
from ledger.belongings import belongings_of
from ledger.checkpoint_memory import CheckpointMemory
from ledger.key_epochs import EpochNeededError
from ledger.store import Ledger, Write
from projections import PROJECTIONS, transparency, verify
from projections.follow import Follower
from tests.api.erasure_campaign import key_rows, keys_that_open, plain_hits, read_through
from tests.api.process_tree import kill_postgres
from tests.examples import MATCHED, PROFILE, RECEIVED
from tests.scenario import TESTER, erasure_ordered

PHONE, EMAIL = "+79035550101", "planted.person@example.test"
NAME, SNILS, RESULT = PROFILE.family, PROFILE.snils, "посажено: ферритин 7,31"
FILE = b"%PDF-1.7 planted-scan-of-a-passport"
VALUES = (PHONE, EMAIL, NAME, SNILS, RESULT, FILE)


ORIGIN = "letopis.test/backup"


@pytest.fixture(autouse=True, scope="module")
def quick_disk() -> Iterator[None]:
    """Processes are killed here, never the machine: waiting for the disk would be most of the time."""
    with patch.dict(postgres_cluster.SETTINGS, {"fsync": "off", "full_page_writes": "off"}):
        yield


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory, quick_disk: None) -> Path:
    """A home with a migrated, empty ledger, to be copied."""
    home = tmp_path_factory.mktemp("made") / "home"
    with node(Settings(home=home, origin=ORIGIN)):
        pass
    return home


@pytest.fixture
def settings(tmp_path: Path, made_home: Path) -> Settings:
    shutil.copytree(made_home, tmp_path / "home", symlinks=True)
    return Settings(home=tmp_path / "home", backup_folder=tmp_path / "backups", origin=ORIGIN)


def planted(opened: Node) -> PatientId:
    """A person with something in each place where personal data lies."""
    ledger, patient_id, report_id = opened.ledger, PatientId(uuid4()), uuid4()
    commands.register_patient(ledger, patient_id=patient_id, phone=PHONE, locale="ru")
    commands.state_profile(ledger, patient_id, PROFILE, TESTER)
    commands.state_email(ledger, patient_id, EMAIL, TESTER)
    scans.add(ledger, patient_id, FILE, TESTER, kind=ScanKind.IDENTITY_DOCUMENT, media_type="application/pdf")
    content = replace(RECEIVED.content, conclusion=RESULT)
    received = replace(RECEIVED, content=content)
    ledger.append(
        Write(report_id, 0, (received, replace(MATCHED, patient_id=patient_id)), report_id),
        circumstances=TESTER,
    )
    follow(opened)
    return patient_id


def follow(opened: Node) -> None:
    Follower(opened.ledger, PROJECTIONS).catch_up()


def others(opened: Node, number: int) -> None:
    for _ in range(number):
        patient_id = PatientId(uuid4())
        commands.register_patient(
            opened.ledger, patient_id=patient_id, phone=f"+7904{uuid4().int % 10**7:07d}", locale="ru"
        )
    follow(opened)


@contextmanager
def restored_beside(settings: Settings, folder: BackupFolder, at: Path) -> Iterator[tuple[str, Ledger]]:
    """A backup brought to life by itself, without any WAL behind it: as a thief of the backup would."""
    alone = BackupFolder(at)
    alone.create()
    (backup,) = folder.backups()
    shutil.copytree(folder.base(backup.backup_id), alone.base(backup.backup_id))
    recovery = Recovery(at / "postgres", alone)
    recovery.lay_out(backup)
    recovery.configure()
    with recovery.running({}) as conninfo:
        recovery.reach_end(conninfo)
        recovery.promote(conninfo)
        with Ledger(conninfo, replace(secrets_of(settings), signer=None), role="postgres") as ledger:
            yield conninfo, ledger


def test_what_was_erased_is_readable_before_and_nowhere_after(settings: Settings, tmp_path: Path) -> None:
    assert settings.backup_folder is not None
    folder = BackupFolder(settings.backup_folder)
    places = (settings.home / "postgres", settings.backup_folder)
    with node(settings) as opened:
        patient_id = planted(opened)
        backup = taking.take(opened, folder, by=TESTER)
        rows = key_rows(opened.conninfo, belongings_of(opened.ledger, patient_id).subjects)
        first = next(opened.ledger.read(patient_id))
        held, leaf = transparency.prove(opened.ledger, first.event_id)
        # The harness can fail: before the erasure it finds keys in the cluster, in the WAL and in the backup.
        found = {
            path.relative_to(tmp_path).parts[1]
            for path, _ in keys_that_open(places, opened.ledger.custody, rows)
        }
        assert found >= {"postgres", "base"}
        with restored_beside(settings, folder, tmp_path / "thief-1") as (_, copy):
            assert read_through(copy, VALUES) >= 5
        planted_file = tmp_path / "backups" / "planted"
        planted_file.write_text(f"…{EMAIL}…")
        assert plain_hits(places, VALUES) == [planted_file]
        planted_file.unlink()

        today = datetime.now(UTC).date()
        erasure_ordered(opened.ledger, patient_id, today)
        erasure.erase(opened.ledger, patient_id, TESTER, today=today)
        follow(opened)
        # The backup is older: until the epoch is destroyed it opens, and so it must not be called complete.
        assert keys_that_open(places, opened.ledger.custody, rows)
        with pytest.raises(EpochNeededError):
            key_epochs.rotate(opened.ledger, by=TESTER)
        archive_now(opened)
        done = end_erasures(
            opened.ledger,
            datetime.now(UTC) + timedelta(days=2),
            kept_for=timedelta(days=1),
            operator_name="Оператор",
            operator_address="Москва",
        )
        assert done == 3
        follow(opened)
        assert not keys_that_open(places, opened.ledger.custody, rows)
        assert not plain_hits(places, VALUES)
        assert read_through(opened.ledger, VALUES) == 0
        assert verify.verify(opened.conninfo, log=transparency.log_verifier(opened.ledger)).finding is None
        assert proof.verify(held, leaf, transparency.log_verifier(opened.ledger))
    with restored_beside(settings, folder, tmp_path / "thief-2") as (_, copy):
        assert copy.last_position() >= backup.position
        assert read_through(copy, VALUES) == 0


def archive_now(opened: Node) -> None:
    """Until the archive has everything that was written so far."""
    with psycopg.connect(opened.conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None
        for _ in range(300):
            last = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
            if last is not None and last[0] is not None and last[0][8:24] >= row[0][8:]:
                return
            time.sleep(0.1)
    pytest.fail("nothing is archived")


def test_a_lost_server_is_restored_to_its_last_event_and_a_lost_disk_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    assert settings.backup_folder is not None
    folder, home = BackupFolder(settings.backup_folder), settings.home / "postgres"
    with node(settings) as opened:
        others(opened, 3)
        backup = taking.take(opened, folder, by=TESTER)
        others(opened, 3)
        archive_now(opened)
        others(opened, 3)
        position = opened.ledger.last_position()
        remembered = CheckpointMemory(settings.signer_folder).read()
        # At once: what was not archived is in the folder of the lost database only.
        kill_postgres(settings.home)
    shutil.copytree(home / "cluster", tmp_path / "lost-disk-saved")

    # The disk is gone: the archive alone ends before what was signed.
    shutil.rmtree(home / "cluster")
    wanted = Wanted(backup=backup, signed_note=remembered)
    with pytest.raises(RolledBackError, match="are missing; the last that is there was recorded at"):
        restoring.restore(home, folder, secrets_of(settings), wanted, by=TESTER, told=lambda _: None)
    assert restoring.is_waiting(home)
    with pytest.raises(RestoreUnfinishedError), database(settings):
        pass

    # Its WAL is found: the same restore goes on, and nothing is missing.
    found = replace(wanted, more_wal=tmp_path / "lost-disk-saved" / "pg_wal")
    recovery = Recovery(home, folder, more_wal=found.more_wal)
    done = restoring.go_on(recovery, secrets_of(settings), found, by=TESTER, told=lambda _: None)
    assert (done.is_whole, done.position > position) == (True, True)
    with node(settings) as opened:
        follow(opened)
        require_whole(opened.ledger, settings.signer_folder)
        assert verify.verify(opened.conninfo, log=transparency.log_verifier(opened.ledger)).finding is None
        proved = proving.prove(opened, folder, backup, by=TESTER)
        assert proved.position > backup.position


def test_an_earlier_moment_is_never_served(settings: Settings) -> None:
    assert settings.backup_folder is not None
    folder, home = BackupFolder(settings.backup_folder), settings.home / "postgres"
    with node(settings) as opened:
        others(opened, 2)
        backup = taking.take(opened, folder, by=TESTER)
        others(opened, 2)
        position = opened.ledger.last_position()
        others(opened, 2)
        archive_now(opened)
    restoring.move_aside(home)
    wanted = Wanted(backup=backup, until=position)
    done = restoring.restore(home, folder, secrets_of(settings), wanted, by=TESTER, told=lambda _: None)
    assert (done.position, done.is_whole) == (position, False)
    with (
        EmbeddedPostgres(home) as server,
        Ledger(server.url, secrets_of(settings)) as ledger,
        pytest.raises(RolledBackError),
    ):
        require_whole(ledger, settings.signer_folder)


def test_what_a_killed_restore_did_not_erase_again_is_before_anybody_is_served(settings: Settings) -> None:
    today = datetime.now(UTC).date()
    with node(settings) as opened:
        patient_id = planted(opened)
        with psycopg.connect(opened.conninfo, autocommit=True) as owner:
            keys = owner.execute("SELECT key_id, epoch, wrapped FROM ledger.data_keys").fetchall()
            erasure_ordered(opened.ledger, patient_id, today)
            erasure.erase(opened.ledger, patient_id, TESTER, today=today)
            # As if the cluster was restored from before, and the process died when it was promoted.
            back = "UPDATE ledger.data_keys SET wrapped = %s, erased_at = NULL WHERE key_id = %s"
            owner.cursor().executemany(back, [(wrapped, key_id) for key_id, _, wrapped in keys])
    unburied.begin(settings.home / "postgres")
    with node(settings) as opened:
        assert not belongings_of(opened.ledger, patient_id).keys
        assert unburied.end(settings.home / "postgres", opened.ledger) == 0
