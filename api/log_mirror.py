"""A folder that is kept like the published log (LETOPIS_LOG_FOLDER): for a web server, or for whoever mirrors it."""

from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal

import structlog

from ledger.leading import leading
from ledger.store import Ledger
from projections import transparency
from projections.export import export_log
from projections.transparency import ForkError

# Beside those of migrations, followers, the signer, the clockwork and tickets.
LOCK = 7597105
POLL_SECONDS = 1.0
STALLED_SECONDS = 30.0

log = structlog.get_logger()


@dataclass(slots=True)
class LogMirror:
    """One worker at a time writes; `written` is what it wrote last."""

    ledger: Ledger
    folder: Path
    written: bytes = b""

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                with leading(self.ledger, LOCK) as leads:
                    if leads:
                        self.bring_up_to_date()
            except ForkError as error:
                log.critical("log-mirror.fork", detail=str(error))
                pause = STALLED_SECONDS
            except Exception as error:  # noqa: BLE001 - the worker's edge: a full disk must not end it
                log.error("log-mirror.interrupted", error=type(error).__name__)
                pause = STALLED_SECONDS
            stop.wait(pause)

    def bring_up_to_date(self) -> None:
        """Write what is new, if something was published since."""
        published = transparency.latest_published(self.ledger)
        if published is not None and published.note != self.written:
            export_log(self.ledger, self.folder)
            self.written = published.note
