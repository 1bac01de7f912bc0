"""The demo: the main job, end to end, through the same doors that people and laboratories use.

Nothing in the summary is written by hand: every figure is read back from the ledger, from the mail
server's folder, or from the pages.
"""

import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from uuid import uuid4

import httpx2
from rich.console import Console

from api import demo_cabinet, laboratories
from api.app import create_app
from api.demo_characters import IDENTITY_FIELDS, addressed, character, scan
from api.demo_letters import arrived, code_in, latest, text_of
from api.demo_peers import MailPeer, SmsPeer
from api.demo_story import StepFailedError, Story, code, expect, post, submit
from api.http_server import HttpServer
from api.node import Node, node
from api.serving import signing_beside
from api.settings import Settings
from domain.identity import OWN_SCANS, Proof
from domain.laboratory import LaboratoryRegistered
from domain.values import PatientId
from ledger import commands, identity
from ledger.staff import by_member
from projections import PROJECTIONS, audit, delivery, rebuild, transparency, verify
from projections.follow import Follower, wait_for

SAMPLES = Path(__file__).parent.parent / "tests" / "samples" / "fhir-json"
SAMPLE = SAMPLES / "fhir__Bundle-ghp.json"
LABORATORY = LaboratoryRegistered(
    handle="demo-lab", name="Лаборатория «Пример»", inn="7830002293", ogrn="1027739054420"
)
PASSWORD = "пример длинной фразы для входа"


def run(folder: Path, *, port: int, once: bool, out: Console) -> bool:
    """Run the main job; whether every step held. Then, unless `once`, serve until interrupted."""
    port = port if not once else _free_port()
    with ExitStack() as stack:
        try:
            story = _open(stack, folder, port, out)
            for words, step in STEPS:
                started = monotonic()
                step(story)
                out.print(f"  [green]✓[/green] {words} [dim]{(monotonic() - started) * 1000:.0f} ms[/dim]")
        except (StepFailedError, AssertionError, httpx2.HTTPError) as error:
            out.print(f"  [red]✗ {type(error).__name__}: {error}[/red]")
            return False
        _summarise(story, out)
        if not once:
            _serve_on(story, out)
    return True


def _open(stack: ExitStack, folder: Path, port: int, out: Console) -> Story:
    out.print("[bold]Letopis[/bold]: the main job, on real input")
    was_there = folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    started = monotonic()
    mail = stack.enter_context(MailPeer(folder / "mail"))
    sms = stack.enter_context(SmsPeer(folder / "sms.jsonl", token="demo"))
    settings = Settings(
        home=folder,
        host="127.0.0.1",
        port=port,
        public_url=f"http://localhost:{port}",
        operator_address="101000, Москва, ул. Примерная, д. 1",
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        sms_gateway_url=sms.url,
        sms_gateway_token="demo",
    )
    opened = stack.enter_context(node(settings))
    if was_there:
        _renew_views(opened)
    stack.enter_context(signing_beside(settings))
    stack.enter_context(_serving(opened))
    ms = (monotonic() - started) * 1000
    out.print(
        f"  [green]✓[/green] PostgreSQL, migrations, mail and SMS servers, portal [dim]{ms:.0f} ms[/dim]"
    )
    origin = {"Origin": settings.public_url}
    browser = stack.enter_context(
        httpx2.Client(base_url=settings.public_url, headers=origin, follow_redirects=True)
    )
    machine = stack.enter_context(httpx2.Client(base_url=settings.public_url))
    sender = _laboratory(opened)
    return Story(opened, mail, sms, sender, character(), browser, machine)


def _renew_views(opened: Node) -> None:
    """An earlier version of the program may have left its rows in the folder."""
    with opened.as_owner() as owner:
        for view in PROJECTIONS:
            rebuild.rebuild(owner, view)


def _laboratory(opened: Node) -> laboratories.Sender:
    home = opened.settings.home
    if LABORATORY.handle in laboratories.known(home):
        return laboratories.load(home, LABORATORY.handle)
    return laboratories.add(opened.ledger, home, LABORATORY)[1]


# The steps


def _register(story: Story) -> None:
    page = story.browser.post("/register", data={"phone": story.who.phone, "password": PASSWORD})
    expect("code" in str(page.url), "the code is asked for")
    page = story.browser.post("/register/code", data={"code": code(story)})
    expect(str(page.url).split("?")[0].endswith("/services"), "the cabinet is open")


def _profile(story: Story) -> None:
    who = story.who
    year, month, day = who.birth_date.split("-")
    page = post(
        story,
        "/services/profile",
        family=who.family,
        given=who.given,
        patronymic=who.patronymic,
        birth_date=f"{day}.{month}.{year}",
        sex="female",
        snils=who.snils,
        email=who.email,
        **IDENTITY_FIELDS,
    )
    expect(str(page.url).split("?")[0].endswith("/services"), "the profile is saved")


def _email(story: Story) -> None:
    """By the code in the letter that really arrived."""
    post(story, "/account/email", email=story.who.email)
    page = post(story, "/account/email/code", code=code_in(text_of(latest(story.mail))))
    expect(page.url.query == b"notice=email-confirmed", "the address is confirmed")
    story.found["letters"] = len(story.mail.accepted)


def _policy(story: Story) -> None:
    post(story, "/services/policy", number=story.who.enp)
    page = post(story, "/services/policy/code", code=code(story))
    expect(page.url.query == b"notice=policy-linked", "the policy is linked")


def _identity(story: Story) -> None:
    """Scans, the check, and the decision of the demo's operator, who looked at the profile."""
    ledger = story.opened.ledger
    for kind in OWN_SCANS:
        files = {"scan": ("scan.png", scan(), "image/png")}
        page = post(story, "/services/identity/scans", kind=kind, files=files)
        expect(page.url.query == b"notice=scan-added", "the scan is kept")
    page = post(story, "/services/identity")
    expect(page.url.query == b"notice=identity-sent", "the profile waits to be checked")
    owner = ledger.find("phone", story.who.phone)
    assert owner is not None
    patient_id, by = PatientId(owner), by_member("demo-operator")
    number = identity.show(ledger, patient_id, by).patient.profile_number
    identity.confirm(ledger, patient_id, by, proof=Proof.OPERATOR, profile_number=number)
    page = story.browser.get("/services/identity")
    expect("Личность подтверждена" in page.text, "the identity is confirmed")


def _organisation(story: Story) -> None:
    wait_for(story.opened.ledger, story.opened.ledger.last_position(), PROJECTIONS, seconds=10)
    page = story.browser.get("/services/organisations", params={"q": "Пример"})
    found = re.search(r'name="organisation" value="([^"]+)"', page.text)
    expect(found is not None, "the laboratory is found by name")
    assert found is not None
    post(story, "/services/organisations", organisation=found[1])


def _consents(story: Story) -> None:
    for kind in ("personal-data", "results-transfer", "notifications"):
        page = story.browser.get(f"/consents/{kind}")
        version = re.search(
            rf'action="/consents/{kind}/grant".*?name="version" value="(\d+)"', page.text, re.DOTALL
        )
        expect(version is not None, f"the consent {kind} is offered")
        assert version is not None
        post(story, f"/consents/{kind}/grant", read="yes", version=version[1])
    expect(story.browser.get("/consents").text.count("badge-done") == 3, "three consents are in force")


def _submit(story: Story) -> None:
    content = addressed(SAMPLE.read_bytes(), story.who, number=f"DEMO-{secrets.token_hex(6)}")
    envelope, answer = submit(story, content, str(uuid4()))
    expect(answer.status_code == 201, f"the submission is accepted: {answer.text[:300]}")
    reports = answer.json()["reports"]
    expect(reports and all(report["held"] is None for report in reports), "the patient is recognised")
    repeat = story.machine.post("/v1/submissions", content=envelope)
    expect(repeat.content == answer.content, "the same envelope again gets the same answer")
    story.found |= {"report_id": reports[0]["id"], "content": content}


def _appears(story: Story) -> None:
    position = story.opened.ledger.last_position()
    started = monotonic()
    wait_for(story.opened.ledger, position, PROJECTIONS, seconds=1.0)
    story.found["seconds"] = monotonic() - started


def _mail(story: Story) -> None:
    give_up, before = monotonic() + 10, story.found["letters"]
    while len(story.mail.accepted) == before and monotonic() < give_up:
        sleep(0.02)
    sleep(0.3)
    expect(len(story.mail.accepted) == before + 1, "one e-mail arrived")
    message = latest(story.mail)
    text = text_of(message)
    expect(story.opened.settings.public_url in text, "the e-mail has the link")
    secret = re.compile("haemoglobin|гемоглобин|анализ|лаборатор|g/L|Образцова", re.IGNORECASE)
    expect(not secret.search(str(message["subject"]) + text), "the e-mail says nothing about health")
    story.found["mail"] = story.mail.accepted[-1].path
    story.found["subject"] = str(message["subject"])


def _sign_in(story: Story) -> None:
    post(story, "/sign-out")
    story.browser.post("/sign-in", data={"phone": story.who.phone, "password": PASSWORD})
    page = story.browser.post("/sign-in/code", data={"code": code(story)})
    expect(str(page.url).endswith("/reports"), "the patient is signed in")
    expect("Новые результаты" in page.text, "the list says that there are new results")


def _read(story: Story) -> None:
    page = story.browser.get(f"/reports/{story.found['report_id']}")
    expect(page.status_code == 200 and "Haemoglobin" in page.text, "the report is shown")
    expect("135–180" in page.text and "g/L" in page.text, "with units and reference ranges")
    story.found["values"] = page.text.count('role="rowheader"')
    story.found["flags"] = page.text.count('class="flag ')


def _access_log(story: Story) -> None:
    wait_for(story.opened.ledger, story.opened.ledger.last_position(), PROJECTIONS, seconds=10)
    page = story.browser.get("/access")
    expect("Просмотр" in page.text and story.who.family in page.text, "the access log shows the reading")


def _audit(story: Story) -> None:
    ledger = story.opened.ledger
    follower = Follower(ledger, PROJECTIONS)
    wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=10)
    follower.sign()
    result = verify.verify(story.opened.conninfo, log=transparency.log_verifier(ledger))
    expect(result.finding is None, f"the log verifies: {result.finding}")
    story.found["verification"] = result
    with story.opened.as_owner() as owner:
        for view in PROJECTIONS:
            compared = rebuild.check(owner, view)
            expect(compared.is_equal, f"the rebuilt {view.name} equals the live one")


STEPS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("a patient registers and confirms the phone by SMS", _register),
    ("fills in the profile", _profile),
    ("confirms the e-mail address by the code in a letter", _email),
    ("links the OMS policy, confirmed by SMS", _policy),
    ("uploads scans; an operator confirms the identity", _identity),
    ("links a medical organisation", _organisation),
    ("grants three consents", _consents),
    ("a laboratory submits a signed and encrypted FHIR R4 bundle", _submit),
    ("the result is in the cabinet", _appears),
    ("one e-mail goes out, with no health data in it", _mail),
    ("the patient signs in with two factors and sees «Новые результаты»", _sign_in),
    ("opens the report: values, units, reference ranges, flags", _read),
    ("the access log shows that reading", _access_log),
    *demo_cabinet.STEPS,
    ("the auditor replays every view and verifies the log", _audit),
)


# Help for the steps


@contextmanager
def _serving(opened: Node) -> Iterator[None]:
    server = HttpServer(create_app(opened), host=opened.settings.host, port=opened.settings.port)
    thread = Thread(target=server.run, name="portal", daemon=True)
    thread.start()
    give_up = monotonic() + 20
    while not server.started:
        if not thread.is_alive() or monotonic() > give_up:
            raise StepFailedError(f"the portal does not start on port {opened.settings.port}: is it taken?")
        sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=15)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _summarise(story: Story, out: Console) -> None:
    ledger, result = story.opened.ledger, story.found["verification"]
    patient_id = ledger.find("phone", story.who.phone)
    assert patient_id is not None
    patient = commands.load_patient(ledger, PatientId(patient_id))
    notices = delivery.notifications_of(ledger, PatientId(patient_id))
    status = next(one.status for one in notices if one.channel == "email")
    out.print("\n[bold]Summary[/bold]")
    out.print(f"  events recorded    {result.events}")
    out.print(
        f"  report shown       {story.found['report_id']}: {story.found['values']} rows,"
        f" {story.found['flags']} flags, in the cabinet after {story.found['seconds'] * 1000:.0f} ms"
    )
    out.print(
        f"  e-mail received    «{story.found['subject']}», {status}: {story.found['mail']}",
        soft_wrap=True,
    )
    out.print(
        f"  audit entries      {audit.count(ledger)}, of them {len(audit.readings_of(ledger, PatientId(patient_id)))} readings of this patient's data"
    )
    out.print(f"  {result.sentence}", soft_wrap=True, highlight=False)
    assert patient.policy is not None


def _serve_on(story: Story, out: Console) -> None:
    """Serve until Ctrl+C, and show the codes that people would read on their phones."""
    out.print(f"\n[bold]The portal[/bold]  {story.opened.settings.public_url}")
    out.print(f"  sign in with phone {story.who.phone} and password «{PASSWORD}»; SMS and e-mail appear here")
    out.print("  Ctrl+C stops it\n")
    shown = 0, 0
    try:
        while True:
            before, shown = shown, (len(story.mail.accepted), len(story.sms.accepted))
            for line in arrived(story.mail, story.sms, before, shown) if any(before) else ():
                out.print(line, markup=False, soft_wrap=True)
            sleep(0.2)
    except (KeyboardInterrupt, SystemExit):
        out.print("  stopping …")
