"""Calibrates the link forecast against the hidden truth of the sandbox; writes docs/forecast.md.

    python -m bench.forecast                         writes docs/forecast.md
    python -m bench.forecast --calls 2000 --print

It starts PostgreSQL, Valkey and the sandbox of its own. Of the counters every second one is held
out: the probabilities are fitted on the others.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from bench import environment
from bench.forecast import shares
from bench.forecast.shares import NAMES, SCENARIOS
from devtools.tools.reliability_table import put

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "forecast.md"
SEED, CALLS, COUNTERS = 20261129, 100_000, 20
#: The other two scenarios have so many times fewer calls than the ordinary one.
OTHERS = 5


def main(words: Sequence[str] | None = None) -> None:
    """Run the scenarios and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="of the ordinary scenario")
    parser.add_argument("--counters", type=int, default=COUNTERS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios")
    parser.add_argument("--print", action="store_true", help="print the tables, write no document")
    given = parser.parse_args(words)
    with ExitStack() as stack:
        environment.start(stack)
        parts = run(given, stack)
    for name, part in parts.items():
        print(f"\n{name}\n\n{part}")
    if not given.print:
        document = DOCUMENT.read_text(encoding="utf-8")
        for name, part in parts.items():
            document = put(document, name, part)
        DOCUMENT.write_text(document, encoding="utf-8")


def run(given: argparse.Namespace, stack: ExitStack) -> dict[str, str]:
    """Run the scenarios on the servers that were started; return the parts of the document."""
    import django

    django.setup()
    # They import models, which need the settings.
    from django.core.management import call_command
    from django.test.utils import override_settings
    from django.utils import timezone

    from bench.forecast import tables
    from bench.forecast.rounds import run_scenario
    from bench.forecast.visitors import World
    from bench.sandbox import Sandbox

    call_command("migrate", verbosity=0)
    sandbox = Sandbox(Path(stack.enter_context(tempfile.TemporaryDirectory())))
    stack.callback(sandbox.stop)
    sandbox.start()
    address = {"METRIKA_API_URL": sandbox.url}
    stack.enter_context(override_settings(**address))
    stack.enter_context(patch.dict(os.environ, address))
    found = {}
    for name in given.only.split(","):
        began, now = time.monotonic(), timezone.now()
        seed = f"{given.seed}/{name}"
        made = World(seed, SCENARIOS[name], given.counters, int(now.timestamp()))
        calls = given.calls if name == NAMES[1] else given.calls // OTHERS
        found[name] = run_scenario(sandbox, made, calls, now)
        say = f"{name}: {calls:,} calls in {time.monotonic() - began:.0f} s"
        print(say, file=sys.stderr, flush=True)
    parts = {
        "scores": tables.scores(found),
        "days": tables.rounds(found),
        "priors": tables.priors(found),
        "shares": shares.table(),
    }
    for name, one in found.items():
        parts |= {f"values {name}": tables.values(one), f"causes {name}": tables.confusion(one)}
    return parts


if __name__ == "__main__":
    main()
