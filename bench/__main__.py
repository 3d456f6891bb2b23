"""`bench/run`: starts its servers, runs the figures, prints them, and writes them if told to."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from bench import environment
from bench.sizes import DEFAULT, FULL, QUICK, Sizes
from devtools.launcher.embedded import EmbeddedServerFailed
from devtools.launcher.run_config import ROOT


def main(words: Sequence[str]) -> None:
    """Run the benchmark as the words of the command say."""
    chosen = _arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            environment.start(stack)
            _run(chosen.size, chosen.only.split(","), writes=chosen.write or chosen.size is FULL)
    except EmbeddedServerFailed as failure:
        raise SystemExit(f"bench/run: {failure}") from None
    except KeyboardInterrupt:
        raise SystemExit("bench/run: stopped.") from None


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measure the product beside its floors and a naive peer, on own servers.",
    )
    sizes = parser.add_mutually_exclusive_group()
    for size, about in ((QUICK, "about a minute"), (FULL, "ten million calls; writes the paper")):
        sizes.add_argument(
            f"--{size.name}", dest="size", action="store_const", const=size, help=about
        )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--only", default="", help="figures by number, as in P1,P7")
    parser.set_defaults(size=DEFAULT)
    return parser.parse_args(words)


def _run(size: Sizes, only: Sequence[str], *, writes: bool) -> None:
    import django

    django.setup()
    # They import models, which need the settings.
    from django.core.management import call_command

    from bench import figures, machine, report, rounds

    call_command("migrate", verbosity=0)
    wanted = [one for one in figures.ALL if only == [""] or one.title.split(" ")[0] in only]
    outcomes = [rounds.run_or_note(figure(size), say) for figure in wanted]
    described = machine.description(size.name)
    for lines in (described, report.rates(outcomes), report.facts(outcomes)):
        say("\n".join(["", *lines]))
    say("\n".join(["", "Goals missed", *report.missed(outcomes), *report.notes(outcomes)]))
    if writes:
        (ROOT / report.FILE).write_text(report.markdown(outcomes, described), encoding="utf-8")
        say(f"\nWritten to {report.FILE}.")


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
