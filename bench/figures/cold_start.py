"""`./run` from its start to ready, and the memory of all its processes at rest."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.figure import Fact, Figure
from bench.measure import MEGABYTE
from devtools.launcher.run_config import HOST, ROOT

READY_SECONDS = 120
REST_SECONDS = 10
#: Of this benchmark; the product is to start with servers and addresses of its own.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class ColdStart(Figure):
    """An installed product with an empty data folder and no demonstration data."""

    title = "Cold ./run"
    contenders = ()

    def prepare(self) -> None:
        with tempfile.TemporaryDirectory() as data:
            began = time.monotonic()
            process = subprocess.Popen(
                [ROOT / "run"],
                env=_environment(data),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                _wait(Path(data) / "ready.json", process)
                seconds = time.monotonic() - began
                time.sleep(REST_SECONDS if self.sizes.rounds > 1 else 0)
                memory = sum(_pss(one) for one in _tree(process.pid)) / MEGABYTE
            finally:
                process.terminate()
                process.wait()
        self.facts.append(Fact("from the start to ready", seconds, "s", at_most=8))
        if memory:
            self.facts.append(Fact("memory of all processes, PSS", memory, "MB", at_most=400))


def _environment(data: str) -> dict[str, str]:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"DATA_DIR": data, "PORT": str(port), "DEMO_DATA": "0"}


def _wait(ready: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("./run does not become ready")
        time.sleep(0.05)


def _tree(pid: int) -> Iterator[psutil.Process]:
    root = psutil.Process(pid)
    yield root
    yield from root.children(recursive=True)


def _pss(process: psutil.Process) -> int:
    try:
        return int(getattr(process.memory_full_info(), "pss", 0))
    except psutil.Error:
        return 0
