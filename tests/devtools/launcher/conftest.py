"""Fixtures of the launcher's tests: a call of `./run`, a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def refused_run(tmp_path: Path, free_port: int) -> Run:
    """Call the launcher with these variables and return its result; for starts that fail."""

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        choices = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port), **variables}
        return subprocess.run(
            [sys.executable, "-m", "devtools.launcher"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **choices},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run
