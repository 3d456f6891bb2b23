"""Measures the peak of memory of some work, in a process of its own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from devtools.launcher.run_config import ROOT

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Peak:
    """By how much a process grew at most, and what its work took."""

    megabytes: float
    wall: float
    #: Of this process alone, without that of the servers.
    cpu: float


def in_new_process(function: Callable[[str], object], word: str, *, small: str) -> Peak | None:
    """Return by how many MB a process grows at most that calls the function, over an idle one.

    The function is one of a module, and is called in a process of its own with ``word``. Before it
    is measured it is called with ``small``, an amount of work of no weight: the process then has
    all modules that it needs. None where /proc does not tell the peak (macOS).
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    name = f"{function.__module__}:{function.__qualname__}"
    answer = subprocess.run(
        [sys.executable, "-m", "bench.memory", name, word, small],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Peak(**json.loads(answer.stdout.splitlines()[-1]))


def _measured(name: str, word: str, small: str) -> Peak:
    """Call the function in this process and measure the growth of its memory."""
    import django

    django.setup()
    module, _, function = name.partition(":")
    work = getattr(import_module(module), function)
    work(small)
    gc.collect()
    # Forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    bare, cpu, began = _status("VmRSS"), time.process_time(), time.perf_counter()
    work(word)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Peak((_status("VmHWM") - bare) / MEGABYTE, wall, cpu)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


if __name__ == "__main__":
    print(json.dumps(asdict(_measured(*sys.argv[1:]))))
