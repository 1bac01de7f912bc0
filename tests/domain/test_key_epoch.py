"""Rules of key epochs: nothing is destroyed that may still wrap a key."""

from domain.key_epoch import (
    EpochInUseError,
    KeyEpochBegun,
    KeyEpochDestroyed,
    KeysRewrapped,
    begin,
    destroy,
    rewrap,
)
from tests.scenario import given

BEGUN = KeyEpochBegun(epoch=2)
EMPTIED = KeysRewrapped(epoch=1, keys=120)
DESTROYED = KeyEpochDestroyed(epoch=1)


def test_the_first_epoch_begins_with_the_ledger() -> None:
    given().when(begin).then(BEGUN)
    given(BEGUN).when(begin).then(KeyEpochBegun(epoch=3))


def test_an_older_epoch_is_emptied_once() -> None:
    given(BEGUN).when(rewrap, epoch=1, keys=120).then(EMPTIED)
    given(BEGUN, EMPTIED).when(rewrap, epoch=1, keys=0).then_nothing()


def test_the_latest_epoch_is_in_use() -> None:
    given(BEGUN).when(rewrap, epoch=2, keys=0).then_refused(EpochInUseError)
    given().when(rewrap, epoch=1, keys=0).then_refused(EpochInUseError)


def test_only_an_emptied_epoch_is_destroyed_and_once() -> None:
    given(BEGUN).when(destroy, epoch=1).then_refused(EpochInUseError)
    given(BEGUN, EMPTIED).when(destroy, epoch=1).then(DESTROYED)
    given(BEGUN, EMPTIED, DESTROYED).when(destroy, epoch=1).then_nothing()
    given(BEGUN, EMPTIED).when(destroy, epoch=2).then_refused(EpochInUseError)
