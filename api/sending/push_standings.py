"""A breaker for each push service: one that is dead is left alone, and holds back no other's notices.

Browsers name their services, so of push there are several providers where e-mail has one relay. What each answers is
remembered by the worker alone and not in the table of `breaker`: there are as many as browsers name, a process hears
soon enough by itself, and what it forgets when it ends costs a few requests.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from api.metrics import PUSH_SERVICE_RESTS
from api.outcome import Outcome
from api.push_origins import origin_of
from api.sending.breaker import PROBE_LONGEST, Standing, after, is_about_us
from domain.channel import Channel
from domain.push_subscription import PushSubscriptions

log = structlog.get_logger()


@dataclass(slots=True)
class PushStandings:
    """As this process heard them, by their origins."""

    _standings: dict[str, Standing] = field(default_factory=dict)

    def hear(self, endpoint: str, outcome: Outcome, now: datetime) -> None:
        origin = _origin(endpoint)
        known = self._standings.get(origin, Standing(channel=Channel.PUSH))
        self._standings[origin] = heard = after(known, outcome, now)
        if heard.open_until is not None and heard.open_until != known.open_until:
            PUSH_SERVICE_RESTS.labels(origin).inc()
            log.warning("push.service-rests", service=origin, seconds=(heard.open_until - now).seconds)

    def rests(self, pushes: PushSubscriptions | None, now: datetime) -> bool:
        """Whether all that a person's browsers name are left alone now. Of a service whose time is over, one person is
        let through and the others wait for what that comes to."""
        browsers = pushes.subscriptions if pushes is not None else ()
        return bool(browsers) and not any(self._may_ask(_origin(one.endpoint), now) for one in browsers)

    def is_left_alone(self, endpoint: str, now: datetime) -> bool:
        """Whether its service is to be asked nothing: it may have been taken to rest while a notice was on its way."""
        standing = self._standings.get(_origin(endpoint))
        return standing is not None and standing.open_until is not None and now < standing.open_until

    def is_of_one(self, outcome: Outcome) -> bool:
        """Whether it speaks of one service and not of all: another took what it was given last."""
        is_any_well = any(not standing.refusals for standing in self._standings.values())
        return is_any_well and is_about_us(Channel.PUSH, outcome)

    def _may_ask(self, origin: str, now: datetime) -> bool:
        standing = self._standings.get(origin)
        if standing is None or standing.open_until is None:
            return True
        is_probed = standing.probing_until is not None and now < standing.probing_until
        if now < standing.open_until or is_probed:
            return False
        self._standings[origin] = replace(standing, probing_until=now + PROBE_LONGEST)
        return True


def _origin(endpoint: str) -> str:
    """What is no endpoint is of no service: whoever sends says what is wrong with it."""
    try:
        return origin_of(endpoint)
    except ValueError:
        return ""
