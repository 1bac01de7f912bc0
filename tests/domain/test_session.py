"""A session that was opened is closed once; a refused sign-in opens none."""

from domain import session
from domain.session import SessionClosed, SessionOpened, SignInRefused
from tests.examples import ANNA
from tests.scenario import given

OPENED = SessionOpened(patient_id=ANNA, factors=("password", "phone-code"))
SIGNED_OUT = SessionClosed(reason="signed-out")


def test_an_open_session_is_closed() -> None:
    given(OPENED).when(session.close, reason="signed-out").then(SIGNED_OUT)


def test_leaving_twice_changes_nothing() -> None:
    given(OPENED, SIGNED_OUT).when(session.close, reason="expired").then_nothing()


def test_what_was_never_opened_is_not_closed() -> None:
    given().when(session.close, reason="expired").then_nothing()
    given(SignInRefused(patient_id=ANNA, reason="code-wrong")).when(
        session.close, reason="expired"
    ).then_nothing()
