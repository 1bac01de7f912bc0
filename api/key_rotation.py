"""Key rotation: what was erased opens in no copy of the database any more, at the latest after so many days.

A step of the clockwork. It rotates when something was erased long enough ago, then says of each erasure that it is
complete, and draws its act. Cut short anywhere, the next round goes on.
"""

from datetime import datetime, timedelta
from functools import partial

import structlog

from api.settings import Settings
from ledger import burial, key_epochs
from ledger.codec import Circumstances
from ledger.key_epochs import AlreadyRotatingError, EpochNeededError
from ledger.store import Ledger
from projections import destruction

BY = Circumstances(actor="system:key-epochs")
log = structlog.get_logger()


def end_erasures(
    ledger: Ledger, now: datetime, *, kept_for: timedelta, operator_name: str, operator_address: str
) -> int:
    """How many epochs were destroyed, erasures completed, and acts drawn."""
    burial.settle(ledger)
    done = key_epochs.destroy_again(ledger)
    if key_epochs.has_due(ledger, now, kept_for=kept_for):
        try:
            done += len(key_epochs.rotate(ledger, by=BY))
        except (AlreadyRotatingError, EpochNeededError) as error:
            # The first is another's work; the second waits for the archive, or for an operator.
            log.warning("key-rotation.waits", reason=type(error).__name__)
    done += destruction.complete(ledger, by=BY)
    return done + destruction.draw_acts(
        ledger, operator_name=operator_name, operator_address=operator_address, by=BY
    )


def step_of(settings: Settings) -> partial[int]:
    return partial(
        end_erasures,
        kept_for=timedelta(days=settings.epoch_days),
        operator_name=settings.operator_name,
        operator_address=settings.operator_address,
    )
