"""A Postfix of our own, on the loopback address: a mail server that knows nothing of us, with real mailboxes."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.api.ports import free_ports

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = relay.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
virtual_mailbox_domains = example.test
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = inline:{{ anna@example.test=anna/ }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_alias_domains = far.test
virtual_alias_maps = inline:{{ boris@far.test=nobody@example.test }}
transport_maps = inline:{{ {{ {returns} = smtp:[127.0.0.1]:{door} }} }}
default_transport = error:5.4.4 nothing leaves this machine
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def why_not() -> str | None:
    """Why it cannot be run here; None if it can."""
    if shutil.which("postfix") is None:
        return "Postfix is not installed: letters are NOT shown to a mail server not of our making"
    return None if os.getuid() == 0 else "Postfix starts as root only"


@dataclass(frozen=True)
class Postfix:
    """`door` is the port that reports are brought to."""

    port: int
    door: int
    boxes: Path
    log: Path

    def mailbox(self, name: str, *, count: int = 1, within_seconds: float = 60) -> list[bytes]:
        """What lies in the Maildir, once so many letters do."""
        new = self.boxes / name / "new"
        give_up = time.monotonic() + within_seconds
        while time.monotonic() < give_up:
            letters = sorted(new.iterdir()) if new.exists() else []
            if len(letters) >= count:
                return [letter.read_bytes() for letter in letters]
            time.sleep(0.05)
        raise AssertionError(f"no letter came: {self.log.read_text()[-2000:]}")


@contextmanager
def running(folder: Path, *, returns: str) -> Iterator[Postfix]:
    """Mail of example.test it delivers, that to boris@far.test it takes and cannot deliver, and what it reports to the
    domain `returns` it brings to a port of ours."""
    owner = pwd.getpwnam("postfix")
    port, door = free_ports(2)
    for name in ("conf", "queue", "data", "boxes"):
        (folder / name).mkdir(parents=True)
    for name in ("data", "boxes"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    blanks = {"folder": folder, "uid": owner.pw_uid, "gid": owner.pw_gid, "returns": returns, "door": door}
    (folder / "conf/main.cf").write_text(MAIN.format(**blanks))
    (folder / "conf/master.cf").write_text(MASTER.format(port=port))
    command = ["postfix", "-c", str(folder / "conf")]
    subprocess.run([*command, "start"], check=True, capture_output=True, timeout=60)
    try:
        _wait_for(port)
        yield Postfix(port, door, folder / "boxes", folder / "log")
    finally:
        subprocess.run([*command, "stop"], check=True, capture_output=True, timeout=60)


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("Postfix does not listen")
