"""Imports several files in one process and prints the memory it used.

In one process, because two starts of Python differ by more than the growth that is measured.
Prints JSON; `test_import_kills.py` runs it.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Read the public id of the source and the files from the command line."""
    django.setup()
    from django.core.management import call_command

    source, *files = sys.argv[1:]
    blocks = count_blocks_before_each_step()
    peaks = [peak()]
    for file in files:
        call_command("import_calls", file, source=source, stdout=sys.stderr)
        peaks.append(peak())
    json.dump({"peaks": peaks, "blocks": blocks}, sys.stdout)


def peak() -> float:
    """Return the peak resident memory of this process, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def count_blocks_before_each_step() -> list[int]:
    """Return the list to which the import appends the number of allocated blocks per step.

    A leak of a few bytes per record may not show in the peak of memory; it shows here.
    """
    steps: Any = import_module("calls.ways.import_steps")
    blocks: list[int] = []
    store_calls = steps.store_calls

    def counting_store_calls(**arguments: Any) -> Any:
        gc.collect()
        blocks.append(sys.getallocatedblocks())
        return store_calls(**arguments)

    def read_a_whole_step_ahead(steps: Iterator[Any]) -> Iterator[Any]:
        """As `read_ahead` without its thread, which may have read any part of the next step."""
        step = next(steps, None)
        while step is not None:
            following = next(steps, None)
            yield step
            step = following

    # Objects that exist already need not be collected in every step.
    gc.freeze()
    steps.store_calls = counting_store_calls
    steps.read_ahead = read_a_whole_step_ahead
    return blocks


if __name__ == "__main__":
    main()
