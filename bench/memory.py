"""Measures the peak of memory of some work, in a process of its own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from devtools.launcher.run_config import ROOT

MEGABYTE = 1024 * 1024


def peak_over_idle(function: Callable[[str], object], word: str, *, small: str) -> float | None:
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
        capture_output=True,
        text=True,
        check=True,
    )
    peak: float = json.loads(answer.stdout.splitlines()[-1])
    return peak


def _measured(name: str, word: str, small: str) -> float:
    """Call the function in this process and return the growth of its memory in MB."""
    import django

    django.setup()
    module, _, function = name.partition(":")
    work = getattr(import_module(module), function)
    work(small)
    gc.collect()
    # Forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    bare = _status("VmRSS")
    work(word)
    return (_status("VmHWM") - bare) / MEGABYTE


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
