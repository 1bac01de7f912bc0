"""A provider that vouches for a person and breaks in the middle: said as a technical fault, and tried again (S121)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.settings import Settings
from domain.identity import IdentityConfirmed, IdentityRefused
from tests.api.cast import ANNA, Portal
from tests.api.identity_provider import IdentityProvider
from tests.api.test_external_accounts import USERS, at_provider, leave
from tests.api.test_identity_pages import PROFILE


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What closes the provider before the test ends."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def settings(settings: Settings, running: ExitStack, tmp_path: Path) -> Settings:
    esia = running.enter_context(IdentityProvider(USERS, tmp_path / "esia").serving())
    path = tmp_path / "providers.json"
    path.write_text(json.dumps([esia.configuration("esia", is_strong=True, is_trusted=True)]))
    esia.register(f"{settings.public_url}/external/esia/callback")
    return settings.model_copy(update={"oidc_providers": path})


def test_a_proof_that_broke_off_is_told_as_a_technical_fault(portal: Portal, running: ExitStack) -> None:
    anna = portal.person(ANNA).register()
    anna.post("/services/profile", **PROFILE)
    back = at_provider(leave(anna.post("/external/esia/link")))
    running.close()
    answer = anna.get(back)
    assert answer.status_code >= 400 and "provider-away" in answer.text
    (refused,) = portal.events(IdentityRefused)
    assert refused.event.reason == "proof-failed" and not portal.events(IdentityConfirmed)
    page = anna.get("/services/identity").text
    assert "identity-proof-failed" in page and "попробуйте через несколько минут" in page
