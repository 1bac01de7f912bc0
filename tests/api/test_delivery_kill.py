"""Whatever is killed and whenever, each notice has one state, none is lost, and nobody is shown one twice.

A few rounds of the campaign (tests/api/delivery_campaign.py), and two workers that do it wrong, which are found out.
"""

from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from domain.channel import Channel
from tests.api.delivery_campaign import Campaign
from tests.api.delivery_house import PAUSE_SECONDS, House, house
from tests.api.delivery_judge import Accepted

ROUNDS = 5
PATIENTS = 5
SEED = 20261126
TRIES = 10


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with house(tmp_path_factory.mktemp("delivery")) as found:
        yield Campaign.in_house(found, seed=SEED, patients=PATIENTS)


def test_nothing_is_lost_and_nothing_seen_twice(campaign: Campaign) -> None:
    before = campaign.judged_on_the_way().faults if campaign.house.server is not None else []
    for _ in campaign.run(ROUNDS):
        pass
    campaign.come_to_rest()
    verdict = campaign.judged()
    assert [fault for fault in verdict.faults if fault not in before] == []
    assert sum(campaign.killed.values()) == ROUNDS
    for channel in Channel:
        assert verdict.counts[f"{channel}: taken by the provider"] > 0, "there was something to lose"
    assert verdict.counts["versions of reports"] >= ROUNDS


@pytest.fixture
def planted(campaign: Campaign) -> Iterator[House]:
    """Whoever plants a fault takes it away again."""
    found = campaign.house
    if found.server is None:
        found.start_server()
    yield found
    found.plant, found.pause = None, PAUSE_SECONDS
    _start_again(found)


def test_a_worker_that_records_before_it_sends_is_found_out(campaign: Campaign, planted: House) -> None:
    planted.plant = "recorded-before-it-is-sent"
    _start_again(planted)

    def lose() -> None:
        known = campaign.handed_over()
        campaign.send()
        _until(lambda: campaign.handed_over() > known)
        _start_again(planted)

    _until_found(campaign, lose, "and its provider never took it")


def test_a_worker_that_repeats_an_sms_after_an_unknown_is_found_out(
    campaign: Campaign, planted: House
) -> None:
    planted.plant, planted.pause = "sms-sent-again-after-an-unknown", 0.6
    _start_again(planted)
    planted.kill_provider(Channel.SMS)
    planted.start_provider(Channel.SMS)

    def repeat() -> None:
        known = _at_gateway(planted)
        campaign.send()
        _until(lambda: _at_gateway(planted) > known)
        planted.kill_provider(Channel.SMS)
        planted.start_provider(Channel.SMS)

    _until_found(campaign, repeat, "a visible double: ")


def _until_found(campaign: Campaign, act: Callable[[], None], fault: str) -> None:
    """Chance has a say in what a kill meets, so it is tried some times."""
    for _ in range(TRIES):
        act()
        campaign.come_to_rest()
        if any(fault in found for found in campaign.judged().faults):
            return
    raise AssertionError(f"the judge does not find: {fault}")


def _start_again(found: House) -> None:
    found.kill_server()
    found.start_server()


def _at_gateway(found: House) -> int:
    return sum(one.channel == Channel.SMS for one in Accepted.of(found.journals))


def _until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    give_up = monotonic() + seconds
    while not true():
        assert monotonic() < give_up, "it does not come true"
        sleep(0.02)
