"""`./test`: everything that must pass, each under a heading; with arguments, pytest alone.

`./test --coverage` also measures branch coverage, which takes half as long again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module

from devtools.launcher.embedded_server import EmbeddedServerFailed
from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.run_config import ROOT
from devtools.launcher.test_servers import set_harmless_values, start_servers

# Three workers for two cores, because half of the time of the long tests is waiting; they take
# tests from each other at the end.
PYTEST = ("-n", "3", "--dist", "worksteal", "--durations=10")
#: Loaded by its name: the launcher needs no product.
CATALOGUES = "accounts.catalogues"
COVERAGE = ("--cov", "--cov-report=")
# Title, and the words after `python`.
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Lint: ruff check", ("-m", "ruff", "check", ".")),
    ("Format: ruff format --check", ("-m", "ruff", "format", "--check", ".")),
    ("Templates: djlint --check", ("-m", "djlint", "templates", "--check")),
    ("Templates: djlint --lint", ("-m", "djlint", "templates", "--lint")),
    ("Types: mypy", ("-m", "mypy", ".")),
    (
        "Imports: lint-imports",
        ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    ),
    ("Migrations: makemigrations --check", ("manage.py", "makemigrations", "--check", "--dry-run")),
    ("Tests: pytest", ("-m", "pytest", *PYTEST)),
)
WITH_COVERAGE = (
    *CHECKS[:-1],
    ("Tests: pytest, measured", ("-m", "pytest", *PYTEST, *COVERAGE)),
    ("Coverage: coverage report", ("-m", "devtools.tools.coverage_summary")),
)
LINE = 78
#: How long a step may take to end after Ctrl-C, and again after SIGTERM.
GRACE_SECONDS = 3


@dataclass(frozen=True)
class Result:
    """How one step ended."""

    title: str
    has_passed: bool
    seconds: float

    @property
    def outcome(self) -> str:
        """The word for it, of one width."""
        return "passed" if self.has_passed else "FAILED"


def main(arguments: Sequence[str]) -> None:
    """Run the checks; the exit code is 0 only if all of them passed."""
    import_module(CATALOGUES).compile_catalogues()
    is_measured = list(arguments) == ["--coverage"]
    if arguments and not is_measured:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    set_harmless_values()
    try:
        with ExitStack() as stack:
            start_servers(stack)
            results = [_check(*check) for check in (WITH_COVERAGE if is_measured else CHECKS)]
    except EmbeddedServerFailed as failure:
        raise SystemExit(f"./test: {failure}") from None
    except KeyboardInterrupt:
        raise SystemExit("./test: stopped.") from None
    print(summary(results), flush=True)
    if not all(result.has_passed for result in results):
        raise SystemExit(1)


def summary(results: Sequence[Result]) -> str:
    """Return what each step cost, a line per step, and the outcome of all as the last line."""
    lines = [
        f"{'passed' if one.has_passed else 'FAILED'} {one.seconds:6.1f} s  {one.title}"
        for one in results
    ]
    failed = [one.title for one in results if not one.has_passed]
    total = sum(one.seconds for one in results)
    end = f"All {len(results)} checks passed in {total:.0f} s."
    if failed:
        end = f"{len(failed)} of {len(results)} checks failed: {'; '.join(failed)}"
    return "\n".join(["", _rule("What each step cost"), *lines, "", end])


def _check(title: str, words: Sequence[str]) -> Result:
    print(f"\n{_rule(title)}", flush=True)
    began = time.monotonic()
    result = Result(title, _run(words) == 0, time.monotonic() - began)
    print(f"{result.outcome} in {result.seconds:.1f} s", flush=True)
    return result


def _rule(title: str) -> str:
    return f"── {title} ".ljust(LINE, "─")


def _run(words: Sequence[str]) -> int:
    tie = die_with_parent(signal.SIGTERM)
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, preexec_fn=tie)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a child that got the same Ctrl-C; then send SIGTERM, then SIGKILL."""
    for request in (signal.SIGTERM, signal.SIGKILL):
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(request)
    process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
