"""The demo, as `make demo` runs it: from an empty folder, and again on what it left."""

import os
import re
import subprocess
import sys
from pathlib import Path

LETOPIS = Path(sys.executable).with_name("letopis")


def demo(folder: Path) -> str:
    ours = ("LETOPIS_", "DATABASE_URL")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    run = subprocess.run(
        [LETOPIS, "demo", "--once", "--folder", folder],
        env=plain | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_demo_does_the_main_job_and_does_it_again_on_the_same_folder(tmp_path: Path) -> None:
    sizes = []
    for _ in range(2):
        said = demo(tmp_path / "demo")
        assert "✗" not in said and said.count("✓") == 20
        verified = re.search(r"verify: OK, tree size (\d+), root \S{44}", said)
        assert verified is not None, said
        assert "handed-over" in said
        sizes.append(int(verified[1]))
    assert 0 < sizes[0] < sizes[1], "the second run goes on with the ledger of the first"
    assert not (tmp_path / "demo" / "postgres" / "socket").exists(), "nothing is left running"
