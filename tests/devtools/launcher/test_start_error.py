from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from devtools.launcher.run_config import lock_data_folder
from tests.devtools.launcher.conftest import Run
from tests.paths import ROOT


def sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the only line that a failed start printed."""
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    return answer.stderr


def test_taken_port_is_named_and_no_file_is_made(refused_run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        answer = refused_run(PORT=str(port))

    assert f"Port {port} is taken" in sentence(answer)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("word", ["eight", "0", "65536", "-1", "80.5"])
def test_invalid_port_is_refused(refused_run: Run, word: str) -> None:
    assert f"not '{word}'" in sentence(refused_run(PORT=word))


def test_second_run_in_the_same_folder_is_refused(refused_run: Run, tmp_path: Path) -> None:
    held = lock_data_folder(tmp_path / "data")

    answer = refused_run()

    os.close(held)
    assert "Another ./run is at work" in sentence(answer)
    assert not (tmp_path / "data" / "secrets.json").exists()


def test_folder_that_cannot_be_written_is_refused(refused_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    answer = refused_run(DATA_DIR=str(tmp_path / "file" / "data"))

    assert "cannot be written" in sentence(answer)


def test_old_python_is_refused_with_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for tool in ("dirname", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")

    answer = subprocess.run(
        [ROOT / "run"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert "Python 3.11 or newer is needed" in sentence(answer)
