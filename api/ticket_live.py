"""A ticket as it goes on, for one of the two sides: what its stream shows, and by what right."""

from collections.abc import Callable
from dataclasses import dataclass

from api import ticket_presence
from api.chat import News, Viewer, frame_of
from api.pages import Locale, render
from api.ticket_thread import Entry, thread
from domain.reading import ReadingPurpose
from domain.ticket_events import Side
from ledger import tickets
from ledger.codec import Circumstances
from ledger.store import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads a ticket: `is_open` asks anew whether they still may; `handle` is a member of support's."""

    ledger: Ledger
    by: Circumstances
    side: Side
    is_open: Callable[[], bool]
    locale: Locale
    time_zone: str
    href: str
    handle: str | None = None

    @property
    def purpose(self) -> ReadingPurpose:
        return ReadingPurpose.OPERATION if self.side is Side.SUPPORT else ReadingPurpose.OWN_CABINET

    def viewer(self, number: str) -> Viewer:
        ticket_id = tickets.ticket_stream(self.ledger, number)

        def look(after: int) -> News | None:
            if not self.is_open():
                return None
            if self.handle is not None:
                ticket_presence.come(self.ledger, ticket_id, self.handle)
            shown = tickets.show(self.ledger, ticket_id, self.by, purpose=self.purpose, after=after)
            entries = thread(shown.events, side=self.side)
            return News(tuple(frame_of(one.version, self._drawn(one)) for one in entries), shown.version)

        def leave() -> None:
            if self.handle is not None:
                ticket_presence.leave(self.ledger, ticket_id, self.handle)

        return Viewer(ticket_id, self.by.actor, look, leave)

    def _drawn(self, entry: Entry) -> str:
        """The entry as the page itself shows it."""
        return render(
            "ticket_entry.html",
            locale=self.locale,
            time_zone=self.time_zone,
            entry=entry,
            href=self.href,
            is_staff=self.side is Side.SUPPORT,
        )
