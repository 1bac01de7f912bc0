"""Secrets are made once, read whole, and missed loudly."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from ledger import custody
from ledger.custody import KeyNotUnwrappedError, SecretMissingError

NAMES = {"kek-1.key", "index.key", "stream.key", "log.key", "message.key"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    custody.create(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_every_secret_is_made_for_its_owner_alone(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.key")} == NAMES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(path.read_bytes()) == 32


def test_secrets_are_never_made_anew(folder: Path) -> None:
    before = custody.load(folder)
    custody.create(folder)
    assert custody.load(folder) == before


def test_no_two_secrets_are_equal(folder: Path) -> None:
    assert len({path.read_bytes() for path in folder.glob("*.key")}) == len(NAMES)


def test_processes_that_start_together_get_the_same_secrets(tmp_path: Path) -> None:
    ready = Barrier(8)

    def start(_: int) -> custody.Custody:
        ready.wait()
        custody.create(tmp_path / "secrets")
        return custody.load(tmp_path / "secrets")

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(start, range(8)))
    assert all(one == found[0] for one in found)
    assert {path.name for path in (tmp_path / "secrets").glob("*.key")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_lost_secret_is_said_to_be_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SecretMissingError):
        custody.load(folder)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_lost_secret_is_not_made_anew_beside_the_others(folder: Path, name: str) -> None:
    (folder / name).unlink()
    custody.create(folder)
    with pytest.raises(SecretMissingError):
        custody.load(folder)


def test_half_a_secret_is_none(folder: Path) -> None:
    (folder / "index.key").write_bytes(b"short")
    with pytest.raises(SecretMissingError):
        custody.load(folder)


def test_a_folder_without_secrets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretMissingError):
        custody.load(tmp_path)


def test_new_keys_are_wrapped_by_the_latest_epoch_and_old_ones_still_open(folder: Path) -> None:
    old = custody.load(folder)
    wrapped = old.wrap(b"k" * 32, about=b"row")
    custody.create_file(folder / "kek-2.key", b"2" * 32)
    new = custody.load(folder)
    assert (old.epoch, new.epoch) == (1, 2)
    assert new.unwrap(wrapped, epoch=1, about=b"row") == b"k" * 32
    rewrapped = new.wrap(b"k" * 32, about=b"row")
    assert new.unwrap(rewrapped, epoch=2, about=b"row") == b"k" * 32
    with pytest.raises(SecretMissingError):
        old.unwrap(rewrapped, epoch=2, about=b"row")


def test_a_wrapped_key_opens_only_in_its_row_unchanged_and_under_its_epoch(folder: Path) -> None:
    custody.create_file(folder / "kek-2.key", b"2" * 32)
    found = custody.load(folder)
    wrapped = found.wrap(b"k" * 32, about=b"row")
    spoilt = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    for content, epoch, about in ((wrapped, 2, b"other row"), (wrapped, 1, b"row"), (spoilt, 2, b"row")):
        with pytest.raises(KeyNotUnwrappedError):
            found.unwrap(content, epoch=epoch, about=about)


def test_the_same_key_is_never_wrapped_into_the_same_bytes(folder: Path) -> None:
    found = custody.load(folder)
    assert found.wrap(b"k" * 32, about=b"row") != found.wrap(b"k" * 32, about=b"row")


def test_a_file_that_is_there_is_left_alone_and_no_draft_stays(tmp_path: Path) -> None:
    custody.create_file(tmp_path / "a.key", b"first")
    custody.create_file(tmp_path / "a.key", b"second")
    assert (tmp_path / "a.key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.key"]


def test_a_fingerprint_tells_secrets_apart_and_says_nothing_of_them(folder: Path) -> None:
    found = custody.load(folder)
    assert found.fingerprint == custody.load(folder).fingerprint
    for name in ("stream_key", "log_seed", "message_key"):
        assert replace(found, **{name: bytes(32)}).fingerprint != found.fingerprint
        assert getattr(found, name) not in found.fingerprint


def test_new_epochs_and_a_new_index_key_leave_the_fingerprint(folder: Path) -> None:
    """Both can be changed in the life of a ledger: it must know its secrets again afterwards."""
    found = custody.load(folder)
    changed = replace(found, index_key=bytes(32), wrapping_keys={**found.wrapping_keys, 2: bytes(32)})
    assert changed.fingerprint == found.fingerprint
