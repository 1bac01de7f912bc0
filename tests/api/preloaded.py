"""`letopis` for shell scripts of tests: its imports take seconds, so they are made once.

`serving` starts a process that has imported the program; the script `letopis` that it writes hands its arguments,
folder, environment and streams over, and the very `main` of the program runs in a fork of that process.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SERVER = "from tests.api.preloaded import serve; import sys; serve(sys.argv[1])"
_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    asked = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(line, [b"?"], [0, 1, 2])
    line.sendall(json.dumps(asked).encode() + b"\\n")
    sys.exit(int(line.recv(16) or b"70"))
"""


@contextmanager
def serving(folder: Path, program: Path, environment: dict[str, str]) -> Iterator[None]:
    """While it lasts, `program` is a quick `letopis`."""
    address = folder / "preloaded"
    program.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    command = [sys.executable, "-c", _SERVER, str(address)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.terminate()


def serve(address: str) -> None:
    """Fork for each who asks. There are no threads here, so a fork is a whole program."""
    from api.__main__ import main  # noqa: PLC0415 - here, and not in the tests' own process

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            line, _ = listening.accept()
            _, streams, _, _ = socket.recv_fds(line, 1, 3)
            asked = json.loads(line.makefile("rb").readline())
            if os.fork() == 0:
                listening.close()
                if (program := os.fork()) == 0:
                    _become(asked, streams)
                    main()
                    sys.exit(0)
                _, status = os.waitpid(program, 0)
                line.sendall(str(os.waitstatus_to_exitcode(status)).encode())
                os._exit(0)
            for one in (line, *map(os.fdopen, streams)):
                one.close()


def _become(asked: dict[str, object], streams: list[int]) -> None:
    for descriptor, stream in enumerate(streams):
        os.dup2(stream, descriptor)
        os.close(stream)
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    sys.argv = ["letopis", *asked["arguments"]]  # type: ignore[misc]
