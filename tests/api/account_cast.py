"""What a person of the tests does with second factors: an authenticator program whose clock the test moves."""

import re
from base64 import b32decode
from dataclasses import dataclass

import httpx2
import psycopg

from api.totp import authenticator
from tests.api.cast import PASSWORD, Person
from tests.api.staff_cast import Clock


@dataclass(slots=True)
class Authenticator:
    """The program on the phone of a person."""

    person: Person
    clock: Clock
    secret: bytes = b""

    def scan(self) -> "Authenticator":
        page = self.person.get("/account/totp").text
        found = re.search(r'class="secret"><code>([A-Z2-7 ]+)</code>', page)
        assert found is not None, page
        self.secret = b32decode(found[1].replace(" ", ""))
        return self

    def code(self) -> str:
        return authenticator(self.secret).generate(int(self.clock.seconds)).decode()

    def wrong_code(self) -> str:
        return f"{(int(self.code()) + 1) % 10**6:06d}"

    def added(self) -> "Authenticator":
        """Set up, and its next code is good."""
        self.scan()
        answer = self.person.post("/account/totp", code=self.code(), label="Телефон")
        assert answer.headers["location"] == "/account?notice=authenticator-added", answer.text
        self.clock.next_step()
        return self


def ask_to_sign_in(person: Person, client: httpx2.Client) -> httpx2.Response:
    return client.post("/sign-in", data={"phone": person.who.phone, "password": PASSWORD})


def recovery_codes(person: Person) -> list[str]:
    """New codes, as the page shows them once."""
    page = person.post("/account/recovery-codes")
    assert page.status_code == 200, page.headers
    return re.findall(r"<li><code>([0-9A-Z-]+)</code></li>", page.text)


def grow_old(sql: psycopg.Connection) -> None:
    """Everybody proved who they are longer ago than a sensitive act allows."""
    sql.execute("UPDATE access.sessions SET proved_at = now() - interval '601 seconds'")
