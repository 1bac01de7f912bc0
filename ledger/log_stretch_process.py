"""`python -m ledger.log_stretch_process FD`: a process that reads stretches of the log for its parent.

Through the connection of that number comes a Reader, and then Stretches, each answered by a Sound, or by None. Nothing is
said of what goes wrong: the parent, who gets no answer, reads for itself. The process ends when nobody is at the other end.
"""

import gc
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import psycopg


def serve(asked: Connection) -> None:
    """Read what is asked for until nobody asks any more."""
    with asked.recv().opened() as reader:
        while True:
            asked.send(reader.read(asked.recv()))


def main() -> None:
    """A terminal's Ctrl-C is the parent's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Rows hold no circles: searching them for some, at the default pace, costs more than it finds.
    gc.set_threshold(100_000, 20, 100)
    with suppress(EOFError, OSError, psycopg.Error):
        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
