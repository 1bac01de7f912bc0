"""docs/integration.md does what it says: a sandbox is started as a process, and each command is run against it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx2
import pytest

from api.sandbox.stage import ORIGIN, PASSWORD
from tests.api import preloaded
from tests.api.cast import browser
from tests.api.ports import free_ports

PAGE = Path(__file__).parent.parent.parent / "docs" / "integration.md"
ROOT = PAGE.parent.parent
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STARTS = "letopis sandbox serve --folder sandbox\n"


@dataclass(frozen=True, slots=True)
class Live:
    """A sandbox that runs in `folder`/sandbox, and what the reader of the page has around them."""

    folder: Path
    url: str
    mllp_port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def here(self, text: str) -> str:
        """The page's text with the ports of this sandbox: the page's own may be taken."""
        return text.replace("2575", str(self.mllp_port)).replace("http://127.0.0.1:8090", self.url)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def environment(folder: Path) -> dict[str, str]:
    """`letopis` and `python3` on the PATH, as the page asks for; and what a sandbox must not listen to."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LETOPIS_", "PYTEST_"))}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    unwanted = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real", "LETOPIS_ORIGIN": "letopis.real/log"}
    return kept | unwanted | {"PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Started by the page's first command; at the end Ctrl-C stops it, and nothing stays behind."""
    folder = tmp_path_factory.mktemp("integration")
    (folder / "bin").mkdir()
    found = environment(folder)
    port, mllp_port = free_ports(2)
    program = [sys.executable, "-c", "from api.__main__ import main; main()"]
    arguments = [*_STARTS.split()[1:], "--port", str(port), "--mllp-port", str(mllp_port)]
    with (folder / "said").open("wb") as said, (folder / "complained").open("wb") as complained:
        process = subprocess.Popen(
            [*program, *arguments], cwd=folder, env=found, stdout=said, stderr=complained
        )
    running = Live(folder, f"http://127.0.0.1:{port}", mllp_port, found, process)
    try:
        with preloaded.serving(folder, folder / "bin" / "letopis", found):
            _wait(running)
            yield running
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=90)
    assert code == 0, (folder / "complained").read_text()
    assert "Traceback" not in (folder / "complained").read_text()
    assert not (folder / "sandbox" / "postgres" / "socket").exists(), "PostgreSQL is left behind"


def _wait(running: Live) -> None:
    give_up = monotonic() + 90
    while monotonic() < give_up:
        assert running.process.poll() is None, (running.folder / "complained").read_text()
        try:
            if httpx2.get(f"{running.url}/readyz", timeout=60).status_code == 200:
                return
        except httpx2.TransportError:
            sleep(0.1)
    raise AssertionError("the sandbox does not start")


def blocks() -> list[tuple[str, str | None, str]]:
    """Language, what to do with it, and text of each block of the page."""
    return [(found[1], found[2], found[3]) for found in _BLOCK.finditer(PAGE.read_text())]


@pytest.fixture(scope="module")
def outputs(live: Live) -> list[tuple[str, str]]:
    """Every block that can be run, in order, and what it said; each must end well, but for the one that shows
    a refusal and a dropped connection, whose commands answer with exit code 0 too."""
    found = []
    for language, how, text in blocks():
        here = live.here(text)
        if how is not None and how.startswith("file="):
            (live.folder / how.removeprefix("file=")).write_text(here)
        elif how == "run":
            command = ("sh", "-ec", here) if language == "sh" else ("python3", "-c", here)
            done = live.run(*command)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr
            found.append((text, done.stdout))
    return found


def said_by(outputs: list[tuple[str, str]], command: str) -> str:
    """What the only block with this command said."""
    (said,) = [said for text, said in outputs if command in text]
    return said


def test_every_command_of_the_page_is_run() -> None:
    """No block is left out but the one that starts the sandbox, which the fixture runs."""
    left_out = [text for _, how, text in blocks() if how is None]
    assert left_out == [_STARTS]


def test_the_sandbox_says_where_it_is_and_who_is_in_it(live: Live) -> None:
    said = (live.folder / "said").read_text()
    assert live.url in said and ORIGIN in said and str(live.mllp_port) in said
    patients = json.loads((live.folder / "sandbox" / "patients.json").read_text())
    assert len(patients) == 5
    assert all(
        one["name"] in said and one["snils"] in said and one["policy_number"] in said for one in patients
    )
    give_up = monotonic() + 30  # the log is signed by a process of its own, a moment after the start
    while (checkpoint := httpx2.get(f"{live.url}/v1/log/checkpoint", timeout=60)).status_code == 404:
        assert monotonic() < give_up, checkpoint.text
        sleep(0.1)
    assert checkpoint.text.splitlines()[0] == ORIGIN


def test_files_are_taken_in_each_format(outputs: list[tuple[str, str]]) -> None:
    first = said_by(outputs, "sandbox-lab.jwk sandbox/examples/fhir.json")
    assert re.fullmatch(r"sandbox/examples/fhir.json: recorded [-0-9a-f]{36}\n", first)
    sent = [line for line in said_by(outputs, "messages/* corrections/*").splitlines() if ": " in line]
    assert len(sent) == 7 + 4
    assert all(re.search(r": recorded [-0-9a-f]{36}$", line) for line in sent), sent


def test_ones_own_laboratory_is_registered_and_its_result_does_not_wait(
    outputs: list[tuple[str, str]],
) -> None:
    said = said_by(outputs, "letopis lab add my-lab")
    assert re.search(r"cda.cda.xml: recorded [-0-9a-f]{36}$", said.strip()), said


def test_curl_shows_the_answer(outputs: list[tuple[str, str]]) -> None:
    said = said_by(outputs, "Content-Type: application/jose")
    assert said.startswith("HTTP/1.1 201")
    body = json.loads(said.split("\n\n", 1)[1] if "\n\n" in said else said.split("\r\n\r\n", 1)[1])
    assert body["reports"][0]["held"] is None


def test_messages_are_signed_with_openssl_and_posted_with_curl(outputs: list[tuple[str, str]]) -> None:
    said = said_by(outputs, "sh send.sh")
    acknowledgement, outcome = said.split("\n{", 1)
    assert "\nMSA|AA|" in acknowledgement
    # The page has sent this file in an envelope before.
    assert '"OperationOutcome"' in outcome and '"code":"duplicate"' in outcome


def test_a_changed_message_under_the_same_signature_is_refused(
    live: Live, outputs: list[tuple[str, str]]
) -> None:
    """The script is the reader's to change: what it signs is what is sent."""
    assert outputs
    script = live.folder / "changed.sh"
    script.write_text((live.folder / "send.sh").read_text().replace('--data-binary "@$file"', "-d changed"))
    done = live.run("sh", str(script), "sandbox/examples/fhir.json", "application/fhir+json", "order-19")
    assert "digest-mismatch" in done.stdout, done.stdout


def test_a_message_by_mllp_is_stored(outputs: list[tuple[str, str]]) -> None:
    assert "\nMSA|AA|" in said_by(outputs, "socket.create_connection")


def test_failures_end_as_the_page_says(outputs: list[tuple[str, str]]) -> None:
    said = said_by(outputs, "--failure drop")
    assert re.search(r"failing/8-0001-1-final.json: recorded [-0-9a-f]{36}\n", said)
    assert re.findall(r"^HTTP/1.1 (\d+)", said, re.MULTILINE) == ["403", "422"]
    assert "laboratory-key-unknown" in said and '"submission_id"' in said
    assert "content-not-fhir" in said_by(outputs, "letopis quarantine list")


def test_the_result_is_in_the_cabinet_of_the_patient(live: Live, outputs: list[tuple[str, str]]) -> None:
    """As the page says: phone, password, and the code that the sandbox shows."""
    patient = json.loads((live.folder / "sandbox" / "patients.json").read_text())[0]
    assert patient["password"] == PASSWORD
    with browser(live.url) as client:
        client.post("/sign-in", data={"phone": patient["phone"], "password": PASSWORD})
        messages = (live.folder / "sandbox" / "sms.jsonl").read_text().splitlines()
        code = re.search(r"\b(\d{6})\b", json.loads(messages[-1])["text"])
        assert code is not None
        assert client.post("/sign-in/code", data={"code": code[1]}).headers["location"] == "/reports"
        report_id = said_by(outputs, "sandbox-lab.jwk sandbox/examples/fhir.json").split()[-1]
        page = client.get(f"/reports/{report_id}")
        assert page.status_code == 200
        sent = json.loads((live.folder / "sandbox" / "examples" / "fhir.json").read_text())
        observation = sent["entry"][1]["resource"]
        assert observation["code"]["text"] in page.text
        assert "Песочница" in page.text
    give_up = monotonic() + 60
    while code[1] not in (live.folder / "said").read_text():
        assert monotonic() < give_up, "the code is not shown"
        sleep(0.05)


def test_curl_and_openssl_are_there() -> None:
    """Else the page could not be run: this says why."""
    assert shutil.which("curl") is not None and shutil.which("openssl") is not None
