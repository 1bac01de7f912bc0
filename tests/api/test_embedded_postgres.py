"""The embedded PostgreSQL on real folders, with real processes that are really killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from api.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, binaries
from api.postgres_account import FOLDER_FOR_NOBODY

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: how root runs PostgreSQL; run as root")

# A user of the server that says its address, then leaves when its standard input ends. It looks up from its waiting: a signal
# that comes in the moment before a read that blocks is noted, and the read blocks all the same.
USER = """
import select, signal, sys
from pathlib import Path
from api.embedded_postgres import EmbeddedPostgres
# Tests that a shell runs in its background are born deaf to Ctrl-C, and so is this process.
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    while not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
"""


def rights_and_users(folder: Path) -> tuple[list[int], bytes]:
    """What the wheel's own launcher changes when root starts it."""
    parents = [*folder.parents, *binaries().parents]
    return [path.stat().st_mode for path in parents], Path("/etc/passwd").read_bytes()


@dataclass(frozen=True, slots=True)
class Prepared:
    folder: Path
    changed_the_machine: bool


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A folder in a private home, used once and left in order, to be copied: initdb is the slow part."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    home.mkdir(mode=0o700)
    before = rights_and_users(home / "data")
    with EmbeddedPostgres(home / "data") as server:
        execute(server.url, "CREATE TABLE kept (line text)")
    return Prepared(home / "data", rights_and_users(home / "data") != before)


@pytest.fixture(scope="module")
def running(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(
        shutil.copytree(prepared.folder, tmp_path_factory.mktemp("running") / "data")
    ) as server:
        yield server


@pytest.fixture
def folder(prepared: Prepared, tmp_path: Path) -> Path:
    return shutil.copytree(prepared.folder, tmp_path / "data")


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def answer(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@contextmanager
def another_user(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as user:  # fmt: skip
        try:
            yield user
        finally:
            user.kill()


def address_of(user: "subprocess.Popen[str]") -> str:
    """Wait until the other process has the server."""
    assert user.stdout is not None
    return user.stdout.readline().strip()


def leave(user: "subprocess.Popen[str]") -> None:
    assert user.stdin is not None
    user.stdin.close()
    assert user.wait(timeout=120) == 0


def postmaster(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_dead(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_the_tree(folder: Path) -> None:
    parent = postmaster(folder)
    os.kill(parent, signal.SIGSTOP)  # so that it starts no child between our look and our kill
    tree = [parent, *children_of(parent)]
    for pid in tree:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until_dead(tree)


def test_the_server_answers_in_its_own_database(running: EmbeddedPostgres) -> None:
    assert str(answer(running.url, "SELECT version()")).startswith("PostgreSQL 18.")
    assert answer(running.url, "SELECT current_database()") == "letopis"
    assert answer(running.url_of("postgres"), "SELECT current_database()") == "postgres"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("jit", "off"),
        ("max_connections", "120"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "2GB"),
    ],
)
def test_the_server_keeps_what_it_acknowledged_and_fits_a_small_machine(
    running: EmbeddedPostgres, setting: str, value: str
) -> None:
    assert answer(running.url, f"SHOW {setting}") == value


def test_the_database_knows_cyrillic_letters(running: EmbeddedPostgres) -> None:
    execute(running.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert answer(running.url, "SELECT lower('ЁЖ') = 'ёж' AND similarity('Глюкоза', 'глюкоза') = 1")
    assert (
        answer(running.url, "SELECT datlocprovider::text FROM pg_database WHERE datname = 'letopis'") == "b"
    )


def test_the_socket_is_open_to_its_owner_alone(running: EmbeddedPostgres) -> None:
    folder = Path(str(answer(running.url, "SHOW unix_socket_directories")))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.geteuid()


def test_no_personal_data_of_a_failed_statement_is_logged(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        execute(server.url, "CREATE UNIQUE INDEX ON kept (line); INSERT INTO kept VALUES ('Иванов')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            execute(server.url, "INSERT INTO kept VALUES ('Иванов')")
    log = (folder / "server.log").read_text()
    assert "duplicate key value" in log
    assert "Иванов" not in log


def test_data_outlives_a_stop_and_nothing_else_does(prepared: Prepared, tmp_path: Path) -> None:
    folder = shutil.copytree(
        prepared.folder, tmp_path / ("long" * 30) / "data"
    )  # longer than sun_path allows a socket
    with EmbeddedPostgres(folder) as server:
        execute(server.url, "INSERT INTO kept VALUES ('one')")
        tree = [postmaster(folder), *children_of(postmaster(folder))]
        socket_folder = (folder / "socket").readlink()
    wait_until_dead(tree)
    assert not socket_folder.exists()
    assert not (folder / "cluster" / "postmaster.pid").exists()
    with EmbeddedPostgres(folder) as server:
        assert answer(server.url, "SELECT line FROM kept") == "one"


def test_two_processes_share_the_server_and_the_last_one_stops_it(folder: Path) -> None:
    with another_user(folder) as user:
        url = address_of(user)
        with EmbeddedPostgres(folder) as server:
            assert server.url == url
            started = postmaster(folder)
        assert answer(url, "SELECT 1") == 1
        leave(user)
    wait_until_dead([started])


def test_processes_that_race_into_a_half_made_folder_get_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "cluster.unfinished").mkdir(parents=True)  # an initdb that was cut short
    (folder / "cluster.unfinished" / "PG_VERSION").write_text("18\n")
    with another_user(folder) as one, another_user(folder) as two:
        urls = {address_of(one), address_of(two)}
        assert len(urls) == 1
        assert answer(urls.pop(), "SELECT 1") == 1
        started = postmaster(folder)
        leave(one)
        leave(two)
    wait_until_dead([started])


def test_the_server_outlives_ctrl_c_in_the_terminal_that_started_it(folder: Path) -> None:
    with another_user(folder) as user:
        url = address_of(user)
        with EmbeddedPostgres(folder):
            os.killpg(user.pid, signal.SIGINT)  # what a terminal does
            assert user.wait(timeout=120) != 0
            assert answer(url, "SELECT 1") == 1


def test_a_server_left_by_a_killed_process_is_joined_and_stopped(folder: Path) -> None:
    with another_user(folder) as user:
        url = address_of(user)
        user.kill()
    left = postmaster(folder)
    assert is_alive(left)
    with EmbeddedPostgres(folder) as server:
        assert server.url == url
        assert postmaster(folder) == left
    wait_until_dead([left])


def test_an_acknowledged_line_outlives_the_kill_of_the_whole_tree(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        execute(server.url, "INSERT INTO kept VALUES ('acknowledged')")
        kill_the_tree(folder)
    assert (folder / "cluster" / "postmaster.pid").exists()
    with EmbeddedPostgres(folder) as server:
        assert answer(server.url, "SELECT line FROM kept") == "acknowledged"


def test_a_stale_pid_that_passed_to_another_program_does_not_stop_the_start(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        kill_the_tree(folder)
    pid_file = folder / "cluster" / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        _, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{stranger.pid}\n{rest}")
        with EmbeddedPostgres(folder) as server:
            assert answer(server.url, "SELECT 1") == 1
        assert is_alive(stranger.pid)
        stranger.kill()


def test_children_that_outlive_their_postmaster_are_waited_for(folder: Path) -> None:
    released = folder / "released"
    busy = f"DO $$ BEGIN WHILE pg_stat_file('{released}', true) IS NULL LOOP END LOOP; END $$"

    def work(url: str) -> None:
        with suppress(psycopg.OperationalError):
            execute(url, busy)

    with EmbeddedPostgres(folder) as server:
        worker = threading.Thread(target=work, args=(server.url,))
        worker.start()
        while not answer(server.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'"):
            time.sleep(0.01)
        children = children_of(postmaster(folder))
        os.kill(postmaster(folder), signal.SIGKILL)
        assert any(is_alive(child) for child in children)
        threading.Timer(0.5, released.touch).start()
        with EmbeddedPostgres(folder) as next_server:
            assert not any(is_alive(child) for child in children)
            assert answer(next_server.url, "SELECT 1") == 1
        worker.join()


def test_a_server_that_cannot_start_says_why_and_what_to_do(folder: Path) -> None:
    (folder / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match=r"incompatible with server[\s\S]*DATABASE_URL"):
        EmbeddedPostgres(folder).__enter__()
    (folder / "cluster" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder) as server:
        assert answer(server.url, "SELECT 1") == 1


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EmbeddedPostgresError, match=str(tmp_path / "data")):
        EmbeddedPostgres(tmp_path / "data").__enter__()


def test_there_is_no_address_without_a_running_server(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="not in use"):
        _ = EmbeddedPostgres(tmp_path).url


def test_the_programs_are_found_without_importing_the_package() -> None:
    look = "import sys; from api.embedded_postgres import binaries; binaries(); "
    look += "sys.exit('embedded_postgres' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
    assert os.access(binaries() / "pg_basebackup", os.X_OK)


@needs_root
def test_root_adds_no_user_and_changes_no_rights_of_parents(prepared: Prepared) -> None:
    assert not prepared.changed_the_machine


@needs_root
def test_root_without_namespaces_runs_the_server_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    existed = FOLDER_FOR_NOBODY.exists()
    users = Path("/etc/passwd").read_bytes()
    tmp_path.chmod(0o700)
    cluster = tmp_path / "data" / "cluster"
    try:
        with monkeypatch.context() as without_unshare:
            without_unshare.setenv("PATH", str(tmp_path))
            with EmbeddedPostgres(tmp_path / "data") as server:
                execute(server.url, "CREATE TABLE kept AS SELECT 'one' AS line")
                assert (
                    Path(f"/proc/{postmaster(tmp_path / 'data')}").stat().st_uid == cluster.stat().st_uid != 0
                )
        assert str(cluster.readlink()) in caplog.text
        with EmbeddedPostgres(tmp_path / "data") as server:  # namespaces are back: still the same data
            assert answer(server.url, "SELECT line FROM kept") == "one"
    finally:
        if cluster.is_symlink():
            shutil.rmtree(cluster.readlink().parent)
        if not existed:
            shutil.rmtree(FOLDER_FOR_NOBODY, ignore_errors=True)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert Path("/etc/passwd").read_bytes() == users


@needs_root
def test_data_of_root_is_never_given_up_for_a_new_empty_database(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match="belongs to root"):
        EmbeddedPostgres(folder).__enter__()
