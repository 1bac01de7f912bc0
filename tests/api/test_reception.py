"""Connections are handed in turn to those who are ready, and to nobody else."""

import resource
import socket
from collections.abc import Iterator
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep

import pytest

from api.reception import Desk, Reception

PATIENCE_SECONDS = 60


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def reception(listening: socket.socket) -> Iterator[Reception]:
    made, stop = Reception(listening), Signal()
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()


def ready(reception: Reception) -> Desk:
    desk = Desk(fileno=reception.desk().detach())
    desk.settimeout(PATIENCE_SECONDS)
    desk.listen()
    return desk


def visitors(listening: socket.socket, number: int) -> list[socket.socket]:
    return [socket.create_connection(listening.getsockname()) for _ in range(number)]


def come_to(desk: Desk, number: int) -> list[int]:
    """The ports of those who are handed to it."""
    ports = []
    for _ in range(number):
        connection, address = desk.accept()
        connection.close()
        ports.append(address[1])
    return ports


def test_each_gets_the_same_number_of_connections(listening: socket.socket, reception: Reception) -> None:
    desks = [ready(reception), ready(reception)]
    wait_for(reception, 2)
    came = visitors(listening, 40)
    ports = [port for desk in desks for port in come_to(desk, 20)]
    assert sorted(ports) == sorted(one.getsockname()[1] for one in came)
    assert not any(map(has_one, desks))
    for one in (*came, *desks):
        one.close()


def has_one(desk: Desk) -> bool:
    desk.settimeout(0.01)
    try:
        return bool(desk.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        desk.settimeout(PATIENCE_SECONDS)


def wait_for(reception: Reception, number: int) -> None:
    give_up = monotonic() + PATIENCE_SECONDS
    while len(reception._ready) < number:
        assert monotonic() < give_up
        sleep(0.01)


def test_who_comes_while_nobody_is_ready_waits(listening: socket.socket, reception: Reception) -> None:
    (early,) = visitors(listening, 1)
    early.sendall(b"hello")
    with ready(reception) as desk:
        connection, address = desk.accept()
        with connection:
            assert address == early.getsockname()
            assert connection.recv(5) == b"hello"
    early.close()


def test_one_who_ended_gets_nothing_more(listening: socket.socket, reception: Reception) -> None:
    gone, staying = ready(reception), ready(reception)
    wait_for(reception, 2)
    gone.close()
    came = visitors(listening, 10)
    assert sorted(come_to(staying, 10)) == sorted(one.getsockname()[1] for one in came)
    staying.close()
    for one in came:
        one.close()


def test_a_process_that_is_only_starting_gets_nothing(listening: socket.socket, reception: Reception) -> None:
    starting, desk = Desk(fileno=reception.desk().detach()), ready(reception)
    came = visitors(listening, 6)
    assert len(come_to(desk, 6)) == 6
    assert not has_one(starting)
    for one in (*came, starting, desk):
        one.close()


def test_when_nobody_hands_over_any_more_it_is_not_taken_for_a_connection(reception: Reception) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with Desk(fileno=theirs.detach()) as desk, pytest.raises(ConnectionAbortedError):
        desk.accept()


def test_who_comes_while_all_queues_are_full_waits(listening: socket.socket, reception: Reception) -> None:
    number = 500  # a queue takes some 280
    with ready(reception) as desk:
        came = visitors(listening, number)
        assert sorted(come_to(desk, number)) == sorted(one.getsockname()[1] for one in came)
    for one in came:
        one.close()


def test_who_was_accepted_when_the_last_desk_had_ended_waits_for_the_next(
    listening: socket.socket, reception: Reception
) -> None:
    gone = ready(reception)
    wait_for(reception, 1)
    gone.close()
    came = visitors(listening, 5)
    with ready(reception) as desk:
        assert sorted(come_to(desk, 5)) == sorted(one.getsockname()[1] for one in came)
    for one in came:
        one.close()


def test_a_process_that_is_full_takes_nothing_and_loses_nothing(
    listening: socket.socket, reception: Reception
) -> None:
    with ready(reception) as desk:
        (early,) = visitors(listening, 1)
        while not has_one(desk):
            pass
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                desk.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert come_to(desk, 1) == [early.getsockname()[1]]
    early.close()
