"""Runs a command at another moment of the wall clock, with all Python processes it starts.

    .venv/bin/python -m devtools.tools.at "2028-02-29 23:40" ./test tests/calls -q

The moment is UTC; the clock goes on from there. Monotonic clocks are not changed, so pauses and
timeouts take as long as ever. PostgreSQL and Valkey keep the real clock: no statement asks them.
(libfaketime would reach them too, but time.sleep and Lock.acquire of Python 3.11 fail under it.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import time_machine

#: Python imports a module of this name at its start; one without time_machine keeps the real clock.
STARTUP_MODULE = "sitecustomize.py"
#: pytest would rewrite time_machine, a plugin of its own, if it had not been imported so early.
PYTEST_OPTIONS = "-W 'ignore:Module already imported:pytest.PytestAssertRewriteWarning'"
STARTUP = """
import contextlib
import time

with contextlib.suppress(ImportError):
    import time_machine

    time_machine.travel(time.time() + {shift}).start()
    time.time()  # a moved clock stands still until it is read
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="devtools.tools.at",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("moment", type=moment, help="in UTC, such as '2028-02-29 23:40'")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("no command")
    with tempfile.TemporaryDirectory() as folder:
        # Some processes of the tests run as another user, who has to read it.
        Path(folder).chmod(0o755)
        Path(folder, STARTUP_MODULE).write_text(STARTUP.format(shift=shift_to(options.moment)))
        return subprocess.run(options.command, env=environment(folder)).returncode


def moment(text: str) -> datetime:
    """Return the moment a text names. Raises ValueError."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shift_to(moment: datetime) -> float:
    """Return the seconds from the real clock, also where this process has a moved one already."""
    hatch = time_machine.escape_hatch
    return moment.timestamp() - (hatch.time.time() if hatch.is_travelling() else time.time())


def environment(folder: str) -> dict[str, str]:
    """Return the environment in which Python finds the module in the folder."""
    return os.environ | {
        "PYTHONPATH": _joined(os.pathsep, folder, "PYTHONPATH"),
        "PYTEST_ADDOPTS": _joined(" ", PYTEST_OPTIONS, "PYTEST_ADDOPTS"),
    }


def _joined(separator: str, first: str, variable: str) -> str:
    return separator.join(filter(None, [first, os.environ.get(variable)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
