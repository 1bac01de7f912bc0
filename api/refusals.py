"""Refusals are recorded, so who sends nonsense all day could fill the ledger: their number is limited.

Only refusals are: whoever is proven to be a laboratory passes, however much nonsense comes from the same address.
So what comes is always looked at, and what is limited is the event that it leaves and the answer that it gets.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from math import ceil
from time import monotonic
from typing import Final

import structlog

from api.client_certificates import Address
from api.metrics import REFUSALS_LIMITED
from api.node import DATABASE_AWAY, Node
from ledger.refusals import summarise

TOO_MANY_REFUSED: Final = "too-many-refused"
# Told of a refusal and its size in bytes: None if it may leave an event, else the seconds to wait.
Gate = Callable[[int], int | None]

SUMMARY_SECONDS: Final = 60.0
# The addresses that are remembered; who comes after more of them is met as new. The limit of all still holds.
_PEERS_MAX = 10_000
# Seconds that are none, but for how numbers are rounded.
_NEARLY = 1e-6

log = structlog.get_logger()


def open_gate(_: int) -> int | None:
    """For callers who are not strangers: the command line."""
    return None


@dataclass(slots=True)
class _Bucket:
    """Tokens of one peer, or of all: full at first, and full again after a minute."""

    capacity: int
    tokens: float
    filled_at: float

    def fill(self, now: float) -> None:
        earned = (now - self.filled_at) * self.capacity / 60
        self.tokens, self.filled_at = min(float(self.capacity), self.tokens + earned), now

    def wait_seconds(self) -> float:
        return (1 - self.tokens) * 60 / self.capacity


class Refusals:
    """The limits of one process. What is over them is counted, and one event a minute says how many."""

    def __init__(self, node: Node, *, clock: Callable[[], float] = monotonic) -> None:
        self._node = node
        self._clock = clock
        self._lock = threading.Lock()
        self._per_peer = node.settings.refusals_per_minute_of_one
        self._all = _Bucket(
            node.settings.refusals_per_minute, float(node.settings.refusals_per_minute), clock()
        )
        self._peers: OrderedDict[str, _Bucket] = OrderedDict()
        self._count = self._size_bytes = 0
        self._summarised_at = clock()

    def gate(self, peer: Address | None) -> Gate:
        """For what comes from this address; those without one share a bucket."""
        name = name_of_peer(peer)
        return lambda size_bytes: self._take(name, size_bytes)

    def summarise(self) -> None:
        """Record how many were over the limit since the last time."""
        with self._lock:
            count, size_bytes = self._count, self._size_bytes
            self._count = self._size_bytes = 0
            self._summarised_at = self._clock()
        if not count:
            return
        log.warning("refusals.limited", count=count, size_bytes=size_bytes)
        try:
            summarise(self._node.ledger, count=count, size_bytes=size_bytes)
        except DATABASE_AWAY:
            with self._lock:
                self._count += count
                self._size_bytes += size_bytes

    def _take(self, name: str, size_bytes: int) -> int | None:
        with self._lock:
            now = self._clock()
            buckets = (self._all, self._bucket(name, now))
            for bucket in buckets:
                bucket.fill(now)
            wait = max(bucket.wait_seconds() for bucket in buckets)
            if wait < _NEARLY:
                for bucket in buckets:
                    bucket.tokens -= 1
            else:
                self._count += 1
                self._size_bytes += size_bytes
                REFUSALS_LIMITED.inc()
            is_due = now - self._summarised_at >= SUMMARY_SECONDS
        if is_due:
            self.summarise()
        return ceil(wait - _NEARLY) if wait >= _NEARLY else None

    def _bucket(self, name: str, now: float) -> _Bucket:
        found = self._peers.setdefault(name, _Bucket(self._per_peer, float(self._per_peer), now))
        self._peers.move_to_end(name)
        if len(self._peers) > _PEERS_MAX:
            self._peers.popitem(last=False)
        return found


def name_of_peer(peer: Address | None) -> str:
    """A household has a /64 of IPv6 for itself."""
    if isinstance(peer, IPv6Address):
        return str(IPv6Network((peer, 64), strict=False))
    return str(peer)
