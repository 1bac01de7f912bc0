"""Secrets are made once, read whole, and missed loudly."""

import hmac
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from ledger import custody
from ledger.custody import ForeignSignerError, KeyNotUnwrappedError, SecretMissingError
from ledger.note import Signer

NAMES = {"kek-1.key", "index.key", "stream.key", "message.key"}


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
    # A process that runs on takes the new key up when it meets it, and is not told of one that nobody made.
    assert old.unwrap(rewrapped, epoch=2, about=b"row") == b"k" * 32
    with pytest.raises(SecretMissingError):
        old.unwrap(rewrapped, epoch=3, about=b"row")


def test_a_destroyed_epoch_is_on_no_disk_and_soon_in_no_memory(folder: Path) -> None:
    held = custody.load(folder)
    secret = held.wrapping_keys[1]
    wrapped = held.wrap(b"k" * 32, about=b"row")
    custody.add_epoch(folder, 2)
    with (folder / "kek-1.key").open("rb") as still_open:
        custody.destroy_epoch(folder, 1)
        # Whoever holds the file reads what it was overwritten with.
        assert len(overwritten := still_open.read()) == 32
        assert overwritten != secret
    custody.destroy_epoch(folder, 1)
    held.refresh()
    assert held.epoch == 2
    with pytest.raises(SecretMissingError):
        held.unwrap(wrapped, epoch=1, about=b"row")


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
    for name in ("stream_key", "log_public_key", "message_key"):
        assert replace(found, **{name: bytes(32)}).fingerprint != found.fingerprint
        assert getattr(found, name) not in found.fingerprint


def test_new_epochs_and_a_new_index_key_leave_the_fingerprint(folder: Path) -> None:
    """Both can be changed in the life of a ledger: it must know its secrets again afterwards."""
    found = custody.load(folder)
    changed = replace(found, index_key=bytes(32), wrapping_keys={**found.wrapping_keys, 2: bytes(32)})
    assert changed.fingerprint == found.fingerprint


# The keys of the log, apart from the others.

OLD = ("index", "stream", "log", "message", "kek-1")


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    """As a ledger had it whose signer had no folder of its own."""
    folder = tmp_path / "old" / "secrets"
    folder.mkdir(mode=0o700, parents=True)
    for number, name in enumerate(OLD, 1):
        custody.create_file(folder / f"{name}.key", bytes([number]) * 32)
    (folder / "last-checkpoint").write_bytes(b"signed")
    return folder


# What the ledger of these secrets was given when it was made: it never changes.
OLD_FINGERPRINT = hmac.digest(
    b"\2" * 32, b"letopis/secrets@v1" + b"\2" * 32 + b"\3" * 32 + b"\4" * 32, "sha256"
)


def test_no_process_but_the_signer_has_what_signs_the_log(folder: Path) -> None:
    signer = custody.signer_beside(folder)
    keys = custody.load_log_keys(signer)
    assert stat.S_IMODE(signer.stat().st_mode) == 0o700
    for path in signer.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = custody.load(folder)
    for secret in (keys.seed, keys.mldsa_seed):
        assert not [path for path in folder.iterdir() if path.is_file() and secret in path.read_bytes()]
        assert secret not in repr(keys).encode() and secret.hex() not in repr(held)
    assert held.log_public_key == Signer("a", keys.seed).verifier.public_key


def test_the_log_key_of_an_older_ledger_is_moved_and_the_ledger_knows_its_secrets_again(
    old_folder: Path,
) -> None:
    custody.create(old_folder)
    signer = custody.signer_beside(old_folder)
    assert not (old_folder / "log.key").exists() and not (old_folder / "last-checkpoint").exists()
    assert custody.load_log_keys(signer).seed == b"\3" * 32
    assert (signer / "last-checkpoint").read_bytes() == b"signed"
    assert custody.load(old_folder).fingerprint == OLD_FINGERPRINT
    custody.create(old_folder)
    assert custody.load(old_folder).fingerprint == OLD_FINGERPRINT


@pytest.mark.parametrize("name", ["stream.key", "message.key", "log.public"])
def test_an_old_fingerprint_counts_for_nothing_beside_other_secrets(old_folder: Path, name: str) -> None:
    custody.create(old_folder)
    (old_folder / name).write_bytes(b"x" * 32)
    assert custody.load(old_folder).fingerprint != OLD_FINGERPRINT


def test_wherever_the_moving_is_cut_off_it_goes_on(
    old_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each change of a name in turn: the key is whole in one of both folders, and the next start ends it."""

    class KilledError(BaseException):
        pass

    changes = ("link", "replace", "unlink")
    plain = {name: getattr(os, name) for name in changes}
    steps = 0
    for step in range(1, 100):
        folder = shutil.copytree(old_folder, tmp_path / str(step) / "secrets")
        left = [step]

        def cut(name: str, left: list[int] = left) -> Callable[..., None]:
            def change(*arguments: object, **named: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise KilledError
                plain[name](*arguments, **named)

            return change

        for name in changes:
            monkeypatch.setattr(os, name, cut(name))
        try:
            custody.create(folder)
            break
        except KilledError:
            steps += 1
        finally:
            monkeypatch.undo()
        signer = custody.signer_beside(folder)
        seeds = {path.read_bytes() for path in (folder / "log.key", signer / "log.key") if path.exists()}
        assert seeds == {b"\3" * 32}
        custody.create(folder)
        assert custody.load_log_keys(signer).seed == b"\3" * 32
        assert (signer / "last-checkpoint").read_bytes() == b"signed"
        assert custody.load(folder).fingerprint == OLD_FINGERPRINT
        assert not (folder / "log.key").exists()
    assert steps > 8


def test_a_signer_of_another_ledger_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "secrets"
    custody.create(other)
    with pytest.raises(ForeignSignerError):
        custody.create(folder, custody.signer_beside(other))


def test_a_signer_that_lives_elsewhere_gives_its_public_keys_first(tmp_path: Path) -> None:
    folder, signer = tmp_path / "home" / "secrets", tmp_path / "elsewhere"
    custody.create_apart(folder)
    with pytest.raises(SecretMissingError):
        custody.load(folder)
    custody.create_log_keys(signer)
    custody.publish_log_keys(signer, folder)
    custody.create_apart(folder)
    assert custody.load(folder).log_public_key == (signer / "log.public").read_bytes()
    assert custody.load(folder).signer is None


@pytest.mark.parametrize("name", ["log", "log-mldsa"])
def test_a_lost_key_of_the_log_is_missed_and_not_made_anew(folder: Path, name: str) -> None:
    signer = custody.signer_beside(folder)
    (signer / f"{name}.key").unlink()
    custody.create(folder)
    with pytest.raises(SecretMissingError):
        custody.load_log_keys(signer)
    with pytest.raises(SecretMissingError):
        custody.create_log_keys(signer)
