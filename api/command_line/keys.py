"""`letopis keys`: epochs of key-encryption keys. What an older copy of the database holds opens no more once they end."""

from typing import Annotated

import typer

from api.command_line.console import opened_node, progress, words_of
from api.laboratories import OPERATOR
from domain.key_epoch import EpochInUseError
from ledger import key_epochs
from ledger.key_epochs import AlreadyRotatingError, EpochNeededError, KeysLeftError

keys = typer.Typer(no_args_is_help=True, help="Epochs of the keys that wrap all data keys.")
_REFUSALS = (AlreadyRotatingError, EpochInUseError, EpochNeededError, KeysLeftError)
_FORCE = typer.Option("--force", help="Also if backups open by it only: they open nothing then.")


@keys.command()
def epochs() -> None:
    """List the epochs: which wraps new keys, which are over, how many keys live under each."""
    with opened_node() as opened:
        state, _ = key_epochs.load(opened.ledger)
        living, counted = key_epochs.living(opened.ledger), key_epochs.live_keys(opened.ledger)
    for epoch in range(1, state.latest + 1):
        word = "destroyed" if epoch in state.destroyed else "latest" if epoch == state.latest else "over"
        note = "" if (epoch in living) is (epoch not in state.destroyed) else "  KEY FILE MISSING"
        print(f"{epoch}  {word}  keys {counted.get(epoch, 0)}{note}")


@keys.command()
def rotate(
    *,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Wrap all keys anew; the server destroys the old epoch later."),
    ] = False,
    force: Annotated[bool, _FORCE] = False,
) -> None:
    """Begin an epoch, wrap every data key by it, and destroy the older ones. Goes on where a killed rotation stopped."""
    with opened_node(*_REFUSALS, words=_words) as opened:
        ledger = opened.ledger
        with progress("keys", sum(key_epochs.live_keys(ledger).values())) as seen:
            destroyed = key_epochs.rotate(ledger, by=OPERATOR, seen=seen, keeps=keep, force=force)
        latest = key_epochs.load(ledger)[0].latest
    print(f"epoch {latest}; destroyed: {', '.join(map(str, destroyed)) or 'none'}")


@keys.command()
def destroy(
    epoch: Annotated[int, typer.Argument(help="An epoch that is over and has no key left.")],
    *,
    force: Annotated[bool, _FORCE] = False,
) -> None:
    """Destroy the key-encryption key of one epoch. Copies of the database from then open nothing any more."""
    with opened_node(*_REFUSALS, words=_words) as opened:
        is_destroyed = key_epochs.destroy(opened.ledger, epoch, by=OPERATOR, force=force)
    print(f"epoch {epoch}: {'destroyed' if is_destroyed else 'was destroyed before'}")


def _words(error: Exception) -> str:
    return " ".join(words_of(error).split())
