"""Passkeys in a real browser, with a device that the browser plays (WebAuthn over CDP)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from api.settings import Settings
from domain.account import AuthenticatorAdded, AuthenticatorSuspected
from domain.session import SessionOpened
from tests.api import test_journey
from tests.api.account_cast import grow_old
from tests.api.cast import ANNA, Portal
from tests.api.test_journey import PHONE, Visitor, visiting

chromium = test_journey.chromium


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Passkeys belong to a name, and an address in numbers is none."""
    return settings.model_copy(update={"public_url": f"http://localhost:{settings.port}"})


@dataclass(frozen=True, slots=True)
class Device:
    """The device's own authenticator, and who is in front of it."""

    cdp: CDPSession
    authenticator_id: str

    @classmethod
    def of(cls, page: Page) -> "Device":
        cdp = page.context.new_cdp_session(page)
        cdp.send("WebAuthn.enable")
        made = cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return cls(cdp, made["authenticatorId"])

    def recognises(self, *, its_user: bool) -> None:
        self._send("setUserVerified", isUserVerified=its_user)

    def is_copied(self) -> None:
        """The key comes back with the counter that it had at first, as from a backup of the device."""
        (key,) = self._send("getCredentials")["credentials"]
        self._send("clearCredentials")
        self._send("addCredential", credential=key | {"signCount": 1})

    def _send(self, name: str, **arguments: Any) -> Any:
        return self.cdp.send(f"WebAuthn.{name}", {"authenticatorId": self.authenticator_id} | arguments)  # type: ignore[arg-type]


def signs_in_by_the_key(anna: Visitor) -> None:
    anna.go("/sign-in")
    anna.press("Войти ключом доступа")


def adds_a_passkey(anna: Visitor) -> None:
    anna.menu("Безопасность")
    anna.sees("Способы входа", "SMS можно перехватить", "Это устройство")
    anna.page.locator("a[href='/account/passkey']").click()
    anna.page.get_by_label("Название (необязательно)").fill("Ноутбук")
    anna.press("Создать ключ доступа")
    anna.sees("Способ входа добавлен.", "Ключ доступа: Ноутбук", "Добавлен ключ доступа")
    anna.picture("account")


def is_refused_without_its_user(anna: Visitor, device: Device, portal: Portal) -> None:
    opened = len(portal.events(SessionOpened))
    device.recognises(its_user=False)
    signs_in_by_the_key(anna)
    complaint = anna.page.locator("form[data-passkey] [role=alert]")
    expect(complaint).to_be_visible()
    expect(complaint).to_contain_text("Ключ доступа не сработал")
    assert anna.page.url.endswith("/sign-in") and len(portal.events(SessionOpened)) == opened
    device.recognises(its_user=True)


def proves_again(anna: Visitor, sql: psycopg.Connection) -> None:
    grow_old(sql)
    anna.go("/account/recovery-codes")
    anna.sees("Подтвердите, что это вы")
    anna.press("Подтвердить ключом доступа")
    anna.press("Получить новые коды")
    anna.sees("Коды показаны один раз.")
    expect(anna.page.locator(".codes li")).to_have_count(10)


def test_a_passkey_is_made_used_and_ended(
    chromium: Browser, serve: Callable[..., Portal], sql: psycopg.Connection
) -> None:
    portal = serve()
    session = portal.person(ANNA).register().client.cookies["session"]
    url = portal.opened.settings.public_url
    with visiting(chromium, portal, PHONE) as anna:
        anna.page.context.add_cookies([{"name": "session", "value": session, "url": url}])
        device = Device.of(anna.page)
        anna.go("/services")
        adds_a_passkey(anna)
        (added,) = portal.events(AuthenticatorAdded)
        assert added.event.kind == "passkey"
        anna.menu("Выйти")
        anna.sees("Вы вышли из кабинета.")
        is_refused_without_its_user(anna, device, portal)
        signs_in_by_the_key(anna)
        anna.sees("Анализы")
        assert portal.events(SessionOpened)[-1].event.factors == ("passkey",)
        proves_again(anna, sql)
        anna.menu("Выйти")
        anna.sees("Вы вышли из кабинета.")
        device.is_copied()
        signs_in_by_the_key(anna)
        anna.sees("Похоже, у этого ключа доступа есть копия.")
        assert len(portal.events(AuthenticatorSuspected)) == 1
        anna.said[:] = [text for text in anna.said if "403 (Forbidden" not in text]
