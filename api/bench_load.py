"""A thin HTTP client: requests are bytes that are ready, so that its own share of the processor is small."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Barrier, Thread

_CHUNK = 65536


class UnexpectedAnswerError(Exception):
    """The server answered a submission with something else than 201."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: the clock from the common start to the last answer, the time of each answer, and the
    client's own processor time."""

    seconds: float
    latencies: tuple[float, ...]
    client_seconds: float

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def post_all(host: str, port: int, envelopes: Sequence[bytes], *, clients: int) -> Load:
    """Each client has its connection and posts one envelope after another, all of them at once."""
    return _post(host, port, envelopes, clients=clients, interval=0.0)


def post_at_pace(
    host: str, port: int, envelopes: Sequence[bytes], *, clients: int, per_second: float
) -> Load:
    """So many a second, one after the other has its moment; one that finds no free client in time waits for it."""
    return _post(host, port, envelopes, clients=clients, interval=1 / per_second)


def _post(host: str, port: int, envelopes: Sequence[bytes], *, clients: int, interval: float) -> Load:
    head = f"POST /v1/submissions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/jose\r\n"
    requests = [f"{head}Content-Length: {len(one)}\r\n\r\n".encode() + one for one in envelopes]
    ready = Barrier(clients + 1)
    latencies: list[float] = []
    errors: list[Exception] = []

    def client(number: int) -> None:
        try:
            with socket.create_connection((host, port), timeout=60) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.wait()
                first = time.perf_counter()
                for place in range(number, len(requests), clients):
                    time.sleep(max(first + place * interval - time.perf_counter(), 0.0) if interval else 0.0)
                    latencies.append(_exchange(connection, requests[place]))
        except (OSError, UnexpectedAnswerError) as error:
            errors.append(error)
            ready.abort()

    threads = [Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
        time.sleep(0.002)  # together they would all be taken by the process that wakes first
    ready.wait()
    start, own = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    seconds, own = time.perf_counter() - start, time.process_time() - own
    if errors:
        raise errors[0]
    return Load(seconds, tuple(latencies), own)


def _exchange(connection: socket.socket, request: bytes) -> float:
    """Seconds from the first byte sent to the last byte of the answer."""
    start = time.perf_counter()
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    if status != b"201":
        raise UnexpectedAnswerError(status.decode())
    size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < size:
        body += _received(connection)
    return time.perf_counter() - start


def _received(connection: socket.socket) -> bytes:
    part = connection.recv(_CHUNK)
    if not part:
        message = "the server hung up"
        raise ConnectionResetError(message)
    return part
