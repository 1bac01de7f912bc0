"""The chat by a real server: both sides at once, cut and resumed, many streams open while pages are served (S110)."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic

import httpx2
import pytest

from api import chat
from api.node import Node
from api.portal.sign_in import Door
from domain.staff import Role
from tests.api.cast import ANNA, BORIS, Person, Portal, serving
from tests.api.staff_cast import Clock, Member
from tests.api.test_tickets import asked, path_of

# Some beats: what there is to say came long before.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def live(serve: Callable[..., Portal]) -> Portal:
    return serve(works=True)


@pytest.fixture
def anna(live: Portal) -> Person:
    return live.person(ANNA).register()


@dataclass(slots=True)
class Listener:
    """Who listens to a stream: what came, by version, and who was said to be there."""

    lines: Iterator[str]
    entries: list[tuple[int, str]] = field(default_factory=list)
    presence: list[str] = field(default_factory=list)
    is_over: bool = False

    def until(self, *, entries: int | None = None, presence: str | None = None, over: bool = False) -> None:
        """Read on until so many entries have come, or it is said who is there, or that it is over. What is lost is
        missed in time: a stream that only beats would be read for ten minutes."""
        fields: dict[str, str] = {}
        began = monotonic()
        for line in self.lines:
            assert monotonic() - began < PATIENCE_SECONDS, self.entries
            if line:
                name, _, value = line.partition(": ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields and name == "data" else value
                continue
            event, fields = fields, {}
            if event.get("event") == "entry":
                self.entries.append((int(event["id"]), event["data"]))
            elif event.get("event") == "presence":
                self.presence.append(event["data"])
            self.is_over = self.is_over or event.get("event") == "over"
            if (
                (entries is not None and len(self.entries) >= entries)
                or (presence is not None and self.presence[-1:] == [presence])
                or (over and self.is_over)
            ):
                return


@contextmanager
def listening_to(
    client: httpx2.Client, path: str, *, after: int = 0, last: int | None = None
) -> Iterator[Listener]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with client.stream("GET", f"{path}/live?after={after}", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listener(answer.iter_lines())


def test_both_sides_read_each_other_as_they_write(anna: Person, live: Portal, clock: Clock) -> None:
    vera = Member(live, clock, handle="vera").enrolled(Role.SUPPORT)
    begun = anna.post("/help/chat", topic="automatic-delivery", text="Есть кто-нибудь?")
    own = begun.headers["location"]
    assert anna.get("/help/chat").headers["location"] == own, "one chat goes on"
    path = path_of(live, own.removeprefix("/help/"))
    with listening_to(anna.client, own) as patient:
        patient.until(presence="away")
        with listening_to(vera.client, path) as support:
            support.until(entries=1)
            assert "Есть кто-нибудь?" in support.entries[0][1]
            patient.until(presence="here")
            vera.post(f"{path}/answer", text="Да, <b>слушаю</b>", then="wait")
            patient.until(entries=3)  # the question, that it was taken, the answer
            assert (
                "Да, &lt;b&gt;слушаю&lt;/b&gt;" in patient.entries[2][1]
                and "vera" not in patient.entries[2][1]
            )
            anna.post(f"{own}/messages", text="Спасибо")
            support.until(entries=4)
            assert "Спасибо" in support.entries[3][1]
        patient.until(presence="away")


def test_what_was_cut_goes_on_without_loss_or_doubles(anna: Person) -> None:
    own = f"/help/{asked(anna)}"
    with listening_to(anna.client, own) as first:
        first.until(entries=1)
    for number in range(3):
        anna.post(f"{own}/messages", text=f"Сообщение {number}")
    with listening_to(anna.client, own, after=0, last=first.entries[-1][0]) as second:
        second.until(entries=2)
    with listening_to(anna.client, own, last=second.entries[1][0]) as third:
        third.until(entries=1)
    whole = [*first.entries, *second.entries[:2], *third.entries]
    assert len({version for version, _ in whole}) == len(whole) == 4
    assert [f"Сообщение {n}" in text for n, (_, text) in enumerate(whole[1:])] == [True] * 3


def test_who_signed_out_hears_nothing_more(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "BEAT_SECONDS", 0.3)
    own = f"/help/{asked(anna)}"
    token = anna.token()
    with listening_to(anna.client, own) as listener:
        listener.until(entries=1)
        anna.client.post("/sign-out", data={"csrf": token})
        listener.until(over=True)
    assert listener.is_over and len(listener.entries) == 1


def test_one_tab_too_many_ends_the_oldest(anna: Person) -> None:
    own = f"/help/{asked(anna)}"
    with ExitStack() as stack:
        tabs = []
        for _ in range(chat.STREAMS_OF_ONE_MAX + 1):
            tabs.append(stack.enter_context(listening_to(anna.client, own)))
            tabs[-1].until(entries=1)
        tabs[0].until(over=True)
        assert tabs[0].is_over


def test_fifty_streams_hold_neither_pages_nor_connections(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "STREAMS_OF_ONE_MAX", 100)
    own = f"/help/{asked(anna)}"
    limits = httpx2.Limits(max_connections=200)
    with ExitStack() as stack:
        many = stack.enter_context(
            httpx2.Client(
                base_url=anna.client.base_url, cookies=anna.client.cookies, limits=limits, timeout=60
            )
        )
        listeners = [stack.enter_context(listening_to(many, own)) for _ in range(50)]
        for one in listeners:
            one.until(entries=1)
        pool = anna.portal.opened.ledger.pool.get_stats()
        assert pool.get("requests_waiting", 0) == 0
        times = []
        for _ in range(20):
            began = monotonic()
            assert anna.get("/help").status_code == 200
            times.append(monotonic() - began)
        # The machine is shared: a page that waited for a stream would take a beat, which is ten seconds.
        assert sorted(times)[10] < 5.0
        anna.post(f"{own}/messages", text="Всем")
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(lambda one: one.until(entries=2), listeners))
        assert all("Всем" in one.entries[-1][1] for one in listeners)


def test_the_server_stops_at_once_although_somebody_listens(opened: Node, live: Portal, clock: Clock) -> None:
    anna = live.person(BORIS).register()
    own = f"/help/{asked(anna)}"
    with socket.create_server(("127.0.0.1", 0)) as second:
        url = f"http://127.0.0.1:{second.getsockname()[1]}"
        began = 0.0
        with httpx2.Client(base_url=url, cookies=anna.client.cookies, timeout=60) as client:
            with serving(opened, second, works=False, grace_seconds=40):
                stream = client.stream("GET", f"{own}/live", timeout=60)
                answer = stream.__enter__()
                listener = Listener(answer.iter_lines())
                listener.until(entries=1)
                began = monotonic()
            assert monotonic() - began < 20, "the grace for connections is forty seconds"


def test_a_session_is_not_kept_open_by_a_stream(anna: Person) -> None:
    door = Door(anna.portal.opened.ledger, anna.portal.opened.settings)
    with anna.portal.opened.ledger.pool.connection() as connection:
        row = connection.execute("SELECT session_id, seen_at FROM access.sessions").fetchone()
        assert row is not None and door.is_open(row[0])
        connection.execute("UPDATE access.sessions SET seen_at = now() - interval '30 days'")
        assert not door.is_open(row[0])
        after = connection.execute("SELECT now() - seen_at > interval '29 days' FROM access.sessions")
        assert after.fetchone() == (True,)
