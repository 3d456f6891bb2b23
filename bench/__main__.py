"""`bench/run`: starts its servers, measures the figures and writes the paper."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from bench import environment
from bench.sizes import DEFAULT, FULL, QUICK
from devtools.launcher.embedded_server import EmbeddedServerFailed


def main(words: Sequence[str]) -> None:
    """Run the benchmark as the words of the command say."""
    chosen = _arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    try:
        with ExitStack() as stack:
            environment.start(stack)
            _run(chosen, started)
    except EmbeddedServerFailed as failure:
        raise SystemExit(f"bench/run: {failure}") from None
    except KeyboardInterrupt:
        raise SystemExit("bench/run: stopped. --resume goes on with what is missing.") from None


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measure the product beside its floors and a naive peer, on own servers.",
    )
    sizes = parser.add_mutually_exclusive_group()
    for size, about in (
        (QUICK, "about a minute"),
        (FULL, "ten million calls, about an hour; writes the paper"),
    ):
        sizes.add_argument(
            f"--{size.name}", dest="size", action="store_const", const=size, help=about
        )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument(
        "--only",
        default="",
        help="figures by the first word of their names, as in P1,P7; the others are taken from"
        " the kept results of this size",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="measure only figures that the kept results of this size and revision lack",
    )
    parser.set_defaults(size=DEFAULT)
    return parser.parse_args(words)


def _run(chosen: argparse.Namespace, started: str) -> None:
    import django

    django.setup()
    # They import models, which need the settings.
    from django.core.management import call_command

    from bench.session import Session

    call_command("migrate", verbosity=0)
    only = [word for word in chosen.only.split(",") if word]
    session = Session(chosen.size, started, writes=chosen.write or chosen.size is FULL)
    failed = session.run(only, resumes=chosen.resume)
    if failed:
        raise SystemExit("\n".join(["bench/run: what has to hold does not:", *failed]))


if __name__ == "__main__":
    main(sys.argv[1:])
