"""Imports one file after the other in one process and says how much memory that took.

In one process, because two starts of Python differ by more than what is looked for. Prints JSON;
`test_import_kills.py` runs it.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Read the public id of the source and the files from the command line."""
    django.setup()
    from django.core.management import call_command

    source, *files = sys.argv[1:]
    blocks = count_blocks_before_each_chunk()
    peaks = [peak()]
    for file in files:
        call_command("import_calls", file, source=source, stdout=sys.stderr)
        peaks.append(peak())
    json.dump({"peaks": peaks, "blocks": blocks}, sys.stdout)


def peak() -> float:
    """Return the most megabytes that this process ever had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def count_blocks_before_each_chunk() -> list[int]:
    """Return the list into which the import will write how many objects are alive.

    A few bytes kept of every record vanish in the free memory of a peak; they do not vanish here.
    """
    command: Any = import_module("calls.management.commands.import_calls")
    blocks: list[int] = []
    store_calls = command.store_calls

    def counting_take_in(**arguments: Any) -> Any:
        gc.collect()
        blocks.append(sys.getallocatedblocks())
        return store_calls(**arguments)

    # What was there before is not looked through again and again.
    gc.freeze()
    command.store_calls = counting_take_in
    return blocks


if __name__ == "__main__":
    main()
