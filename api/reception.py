"""Reception: one process accepts all connections, and hands them in turn to those that answer.

Whoever shares a listening socket, or listens beside others at one address, is not given an equal share: of one socket the
first to wake takes nearly all, and over several the kernel spreads by chance. Four laboratories may all come to one
process while the other has nothing to do.
"""

import os
import socket
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from selectors import EVENT_READ, DefaultSelector
from threading import Event as Signal
from time import sleep
from typing import Any

BACKLOG = 2048
# How soon it hears of a new desk, and that it is to stop.
LOOK_SECONDS = 0.2
_ONE = b"."


class Desk(socket.socket):
    """A listening socket, as far as asyncio can tell, whose connections were accepted elsewhere: they come through it.
    Who listens is ready for them, and says so."""

    def listen(self, _backlog: int = 0) -> None:
        self.sendall(_ONE)

    def accept(self) -> tuple[socket.socket, Any]:
        """ConnectionAbortedError for one who is gone already, or when nobody hands over any more."""
        # A process that is full is told so here; the kernel would throw the connection away without a word.
        os.close(os.dup(self.fileno()))
        _, handed, _, _ = socket.recv_fds(self, len(_ONE), 1)
        if not handed:
            raise ConnectionAbortedError
        connection = socket.socket(fileno=handed[0])
        connection.set_inheritable(False)
        try:
            return connection, connection.getpeername()
        except OSError:
            connection.close()
            raise ConnectionAbortedError from None


class Reception:
    """Hands over what comes to the listening socket, until told to stop. What comes while nobody is ready waits."""

    def __init__(self, listening: socket.socket) -> None:
        listening.listen(BACKLOG)
        listening.setblocking(False)
        self._listening = listening
        self._selector = DefaultSelector()
        self._new: SimpleQueue[socket.socket] = SimpleQueue()
        self._ready: deque[socket.socket] = deque()
        # Who was accepted, and whom nobody could take yet.
        self._held: socket.socket | None = None
        self._is_open = False

    def desk(self) -> socket.socket:
        """For one more process that answers, to be made a `Desk` there. Whoever starts it closes this after that, or
        its end would not be heard of."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._new.put(ours)
        return theirs

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            for key, _ in self._selector.select(LOOK_SECONDS):
                if key.fileobj is self._listening:
                    self._receive()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            while not self._new.empty():
                self._selector.register(self._new.get(), EVENT_READ)
            if self._held is not None:
                self._hand_over()
            self._open(bool(self._ready) and self._held is None)

    def _open(self, wanted: bool) -> None:
        if wanted and not self._is_open:
            self._selector.register(self._listening, EVENT_READ)
        elif self._is_open and not wanted:
            self._selector.unregister(self._listening)
        self._is_open = wanted

    def _hear(self, desk: socket.socket) -> None:
        """That it is ready, or has ended."""
        said = b""
        with suppress(OSError):
            said = desk.recv(len(_ONE))
        if not said:
            self._close(desk)
            return
        self._ready.append(desk)

    def _close(self, desk: socket.socket) -> None:
        self._selector.unregister(desk)
        desk.close()
        if desk in self._ready:
            self._ready.remove(desk)

    def _receive(self) -> None:
        try:
            self._held, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # too many are open in this process
            sleep(LOOK_SECONDS)
            return
        self._hand_over()

    def _hand_over(self) -> None:
        """To the next that can take it: one whose own queue is full, or who has just ended, is passed by."""
        held = self._held
        assert held is not None
        for _ in range(len(self._ready)):
            desk = self._ready[0]
            self._ready.rotate(-1)
            with suppress(OSError):
                socket.send_fds(desk, [_ONE], [held.fileno()])
                held.close()
                self._held = None
                return
