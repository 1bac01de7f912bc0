"""Members of staff in tests: they enrol by the link, and have an authenticator whose clock the test moves."""

import re
from base64 import b32decode
from dataclasses import dataclass, field

import httpx2

from api.laboratories import OPERATOR
from api.staff.door import StaffDoor
from api.totp import STEP_SECONDS, authenticator
from domain.staff import Role
from tests.api.cast import Portal, browser

PASSWORD = "длинная фраза сотрудника"


@dataclass(slots=True)
class Clock:
    """The time that the server takes codes at; it stands still until it is moved."""

    seconds: float = 1_800_000_007.0

    def __call__(self) -> float:
        return self.seconds

    def next_step(self) -> None:
        self.seconds += STEP_SECONDS


@dataclass(slots=True)
class Member:
    """Somebody of the staff at a browser of their own."""

    portal: Portal
    clock: Clock
    handle: str = "ivan"
    secret: bytes = b""
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = browser(self.portal.opened.settings.public_url)

    @property
    def door(self) -> StaffDoor:
        return StaffDoor(self.portal.opened.ledger, self.portal.opened.settings)

    def admitted(self, *roles: Role) -> str:
        """The path of the link that the administrator hands over."""
        return self.path_of(self.door.admit(self.handle, roles or (Role.OPERATOR,), OPERATOR).address)

    def path_of(self, address: str) -> str:
        return address.removeprefix(self.portal.opened.settings.public_url)

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def code(self) -> str:
        return authenticator(self.secret).generate(int(self.clock.seconds)).decode()

    def wrong_code(self) -> str:
        return f"{(int(self.code()) + 1) % 10**6:06d}"

    def open_link(self, path: str) -> httpx2.Response:
        """Follow the link, and put the secret that is shown into the authenticator."""
        answer = self.get(path)
        if answer.status_code == 303:
            page = self.get(answer.headers["location"]).text
            found = re.search(r'class="secret"><code>([A-Z2-7 ]+)</code>', page)
            assert found is not None, page
            self.secret = b32decode(found[1].replace(" ", ""))
        return answer

    def enrol(self, *, password: str = PASSWORD, code: str | None = None) -> httpx2.Response:
        form = {"password": password, "code": self.code() if code is None else code}
        return self.client.post("/staff/enrol", data=form)

    def enrolled(self, *roles: Role) -> "Member":
        assert self.open_link(self.admitted(*roles)).status_code == 303
        answer = self.enrol()
        assert answer.headers["location"] == "/staff?notice=enrolled", answer.status_code
        return self

    def sign_in(
        self, *, password: str = PASSWORD, code: str | None = None, client: httpx2.Client | None = None
    ) -> httpx2.Response:
        form = {"handle": self.handle, "password": password, "code": self.code() if code is None else code}
        return (client or self.client).post("/staff/sign-in", data=form)

    def token(self) -> str:
        """The token that the forms of this session carry."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/staff").text)
        return found[1] if found else ""

    def post(self, path: str, **form: str) -> httpx2.Response:
        return self.client.post(path, data={"csrf": self.token()} | form)

    @property
    def is_signed_in(self) -> bool:
        return self.get("/staff").status_code == 200
