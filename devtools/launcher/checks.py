"""`./test`: everything that must pass, each under a heading; with arguments, pytest alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from devtools.launcher.embedded import EmbeddedServerFailed
from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.run_config import ROOT
from devtools.launcher.test_servers import set_harmless_values, start_servers

# Title, and the words after `python`.
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Lint: ruff check", ("-m", "ruff", "check", ".")),
    ("Format: ruff format --check", ("-m", "ruff", "format", "--check", ".")),
    ("Types: mypy", ("-m", "mypy", ".")),
    (
        "Imports: lint-imports",
        ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    ),
    ("Migrations: makemigrations --check", ("manage.py", "makemigrations", "--check", "--dry-run")),
    ("Tests: pytest", ("-m", "pytest", "-n", "2", "--dist", "worksteal")),
)
LINE = 78
PATIENCE_SECONDS = 3


def main(arguments: Sequence[str]) -> None:
    """Run the checks; the exit code is 0 only if all of them passed."""
    if arguments:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    set_harmless_values()
    try:
        with ExitStack() as stack:
            start_servers(stack)
            failed = [title for title, words in CHECKS if not _passes(title, words)]
    except EmbeddedServerFailed as failure:
        raise SystemExit(f"./test: {failure}") from None
    except KeyboardInterrupt:
        raise SystemExit("./test: stopped.") from None
    # When all is well, the last line is pytest's own.
    if failed:
        raise SystemExit(f"\n{len(failed)} of {len(CHECKS)} checks failed: {'; '.join(failed)}")


def _passes(title: str, words: Sequence[str]) -> bool:
    print(f"\n── {title} ".ljust(LINE, "─"), flush=True)
    began = time.monotonic()
    code = _run(words)
    if "pytest" not in words:
        outcome = "passed" if code == 0 else "FAILED"
        print(f"{outcome} in {time.monotonic() - began:.1f} s", flush=True)
    return code == 0


def _run(words: Sequence[str]) -> int:
    tie = die_with_parent(signal.SIGTERM)
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, preexec_fn=tie)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a child finish that heard the same Ctrl-C; then ask, then insist."""
    for request in (signal.SIGTERM, signal.SIGKILL):
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(request)
    process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
