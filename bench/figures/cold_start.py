"""`./run` from its start to ready, and the memory of all its processes at rest."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.figure import Fact, Figure
from bench.measure import MEGABYTE, cpu_seconds
from devtools import schema_image
from devtools.launcher.run_config import HOST, ROOT

READY_SECONDS = 120
REST_SECONDS = 10
#: Of three starts, at rest: a size with less time for a figure has one.
START_SECONDS = 100
#: Of this benchmark; the product is to start with servers and addresses of its own.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class ColdStart(Figure):
    """An installed product with an empty data folder, with demonstration data and without.

    The sizes with little time do without them.
    """

    title = "Cold ./run"
    contenders = ()

    def prepare(self) -> None:
        has_time = self.sizes.limit_seconds > START_SECONDS
        if has_time:
            # As after an installation: this start runs the migrations and records them.
            shutil.rmtree(schema_image.FOLDER, ignore_errors=True)
            self._start("empty cabinet, first start of a version", demonstration="0")
        self._start("empty cabinet", demonstration="0")
        if has_time:
            self._start("demonstration", demonstration="1")

    def _start(self, title: str, *, demonstration: str) -> None:
        with tempfile.TemporaryDirectory() as data, _running(data, demonstration) as process:
            began, cpu = time.monotonic(), cpu_seconds()
            _wait(Path(data) / "ready.json", process)
            seconds, cpu = time.monotonic() - began, cpu_seconds() - cpu
            time.sleep(REST_SECONDS if self.sizes.rounds > 1 else 0)
            memory = _memory(process.pid)
        self.facts += [
            Fact(f"{title}: from the start to ready", seconds, "s", at_most=8),
            Fact(f"{title}: processor time of the start, all processes", cpu, "s"),
        ]
        if memory:
            total = sum(memory.values())
            self.facts.append(Fact(f"{title}: memory at rest, PSS", total, "MB", at_most=400))
            self.facts += [Fact(f"- {name}", one, "MB") for name, one in memory.items()]


@contextmanager
def _running(data: str, demonstration: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [ROOT / "run"],
        env=_environment(data) | {"DEMO_DATA": demonstration},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _environment(data: str) -> dict[str, str]:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"DATA_DIR": data, "PORT": str(port)}


def _wait(ready: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("./run does not become ready")
        time.sleep(0.05)


def _memory(pid: int) -> dict[str, float]:
    """Return the proportional set size in MB of a process and its descendants, by their names.

    Empty where the system does not tell it (macOS).
    """
    root = psutil.Process(pid)
    found: dict[str, float] = {}
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            size = getattr(process.memory_full_info(), "pss", 0) / MEGABYTE
            name = process.name()
            found[name] = found.get(name, 0) + size
    return dict(sorted(found.items())) if any(found.values()) else {}
