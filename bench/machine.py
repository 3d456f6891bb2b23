"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime

import psutil

from bench.environment import POSTGRES
from bench.measure import MEGABYTE
from bench.world import scalar
from devtools.launcher.run_config import ROOT

GIGABYTE = 1024 * MEGABYTE
SHOWN = (
    "shared_buffers",
    "max_wal_size",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "io_method",
)


def description(size: str, started: str, revision: str) -> list[str]:
    """Return sentences about the run, its machine, its servers and how busy the machine is."""
    memory = psutil.virtual_memory()
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    settings = ", ".join(f"{name}={scalar(f'SHOW {name}')}" for name in SHOWN)
    return [
        f"Size `{size}`, {started} to {datetime.now(UTC):%H:%M:%S} UTC, revision `{revision}`.",
        f"{os.cpu_count()} cores ({_processor()}), {memory.total / GIGABYTE:.0f} GB of RAM,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}.",
        f"PostgreSQL {scalar('SHOW server_version')}: {settings}"
        f" ({len(POSTGRES)} of them set by `bench/environment.py`).",
        f"Load over 1, 5 and 15 minutes at the end: {load}.",
    ]


def revision() -> str:
    """Return the name of the commit that is measured."""
    words = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
