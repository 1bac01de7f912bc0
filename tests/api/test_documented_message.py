"""The example of docs/intake.md that signs with OpenSSL and sends with curl: run as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.submission import SubmissionReceived
from tests.api.cast import ANNA, Portal, settled
from tests.api.command import letopis
from tests.api.test_mllp import message

DOCUMENT = Path(__file__).parents[2] / "docs/intake.md"
SECTION = "### Without JOSE"


def examples() -> list[str]:
    section = DOCUMENT.read_text().split(SECTION)[1].split("\n### ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def run(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="needs openssl and curl")
def test_the_example_with_openssl_and_curl_works(portal: Portal, tmp_path: Path) -> None:
    once, each = examples()
    run(once, tmp_path)
    names = ("--name", "Лаборатория", "--inn", "7830002293", "--ogrn", "1027739054420")
    added = letopis(portal.opened, "lab", "add", "my-lab", *names, "--key", str(tmp_path / "lab.public.jwk"))
    assert added.returncode == 0, added.stderr
    settled(portal.opened, ANNA, None)
    (tmp_path / "message.hl7").write_bytes(message("1"))
    each = each.replace("http://127.0.0.1:8080", portal.opened.settings.public_url)
    answer = run(each, tmp_path)
    assert "MSA|AA|M1" in answer, answer
    (received,) = portal.events(SubmissionReceived)
    assert received.event.key_id == (tmp_path / "lab.keyid").read_text()
    refused = run(each.replace("openssl rand -hex 16", "echo").replace("expires", "expire"), tmp_path)
    assert "MSA|AR|M1" in refused and "signature-malformed" in refused
