"""Repeats tests many times under CPU load and prints which of them failed, and how often.

    .venv/bin/python -m devtools.tools.flaky                         changed test files
    .venv/bin/python -m devtools.tools.flaky --base HEAD~3           … since three commits ago
    .venv/bin/python -m devtools.tools.flaky --times 50 tests/calls  these tests, fifty times

Changed means: differs from origin/main, or is untracked.
The exit code is 1 if a test failed, 2 if pytest could not run.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
TIMES = 20
#: Twice as many as there are cores, so that every test has to share its own.
BUSY_PROCESSES = 2 * (os.cpu_count() or 1)
TEST_FILE = re.compile(r"tests/(.*/)?test_\w+\.py")
#: pytest's exit codes for "all passed" and "some failed"; any other means that it did not run.
RAN = (0, 1)


class DidNotRun(Exception):
    """pytest ended without having run the tests; its output says why."""


@dataclass
class Result:
    """What the repeated runs of one test gave."""

    runs: int = 0
    failures: int = 0
    first_traceback: str = ""


@dataclass
class _Run:
    """One run of one test; a failed call and a failed teardown are two entries of the report."""

    test: str
    tracebacks: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Repeat the tests, print the failures, return the exit code."""
    options = _parser().parse_args(arguments)
    tests = options.tests or changed_tests(options.base, ROOT)
    if not tests:
        _say(f"No test file has changed since {options.base}.")
        return 0
    try:
        with cpu_load(options.busy):
            results = repeat(tests, times=options.times, folder=ROOT)
    except DidNotRun as reason:
        _say(str(reason))
        return 2
    _say(summary(results))
    return int(any(result.failures for result in results.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="devtools.tools.flaky",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tests", nargs="*", help="files or node ids (default: changed files)")
    parser.add_argument("--base", default="origin/main", help="commit to compare with")
    parser.add_argument("--times", type=_at_least_two, default=TIMES)
    parser.add_argument("--busy", type=int, default=BUSY_PROCESSES, help="busy processes")
    return parser


def _at_least_two(text: str) -> int:
    if int(text) < 2:
        raise argparse.ArgumentTypeError("a test is repeated at least twice")
    return int(text)


def changed_tests(base: str, folder: Path) -> list[str]:
    """Return the test files that differ from the merge base with ``base``, and untracked ones."""
    changed = _git(folder, "diff", "--name-only", "--diff-filter=d", "--merge-base", base)
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard")
    return sorted(path for path in {*changed, *untracked} if TEST_FILE.fullmatch(path))


def _git(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@contextmanager
def cpu_load(processes: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep this many processes busy, and yield them."""
    # Each ends by itself when this process has died.
    spin = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    busy = [subprocess.Popen([sys.executable, "-c", spin]) for _number in range(processes)]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()


def repeat(tests: Sequence[str], *, times: int, folder: Path) -> dict[str, Result]:
    """Run the tests ``times`` times (two or more), each round after the other; results by node id.

    Raises DidNotRun.
    """
    with tempfile.TemporaryDirectory() as home:
        report = Path(home) / "report.xml"
        code = subprocess.run(_pytest(tests, times, report), cwd=folder).returncode
        if code not in RAN:
            raise DidNotRun(f"pytest ended with {code}; see above.")
        return read_report(report.read_text(encoding="utf-8"), times=times)


def _pytest(tests: Sequence[str], times: int, report: Path) -> list[str]:
    repeated = ["--count", str(times), "--repeat-scope", "session"]
    # xunit1 names the file of each test. The tracebacks are in the report only.
    reported = ["-o", "junit_family=xunit1", "--junitxml", str(report), "--no-summary", "-q"]
    return [sys.executable, "-m", "pytest", *repeated, *reported, *tests]


def read_report(text: str, *, times: int) -> dict[str, Result]:
    """Return the results by node id, from a JUnit report of pytest-repeat's runs."""
    runs: dict[str, _Run] = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        run = _node_id(case)
        tracebacks = [one.text or "" for one in case if one.tag in {"failure", "error"}]
        runs.setdefault(run, _Run(_without_number(run, times))).tracebacks.extend(tracebacks)
    results: dict[str, Result] = {}
    for one in runs.values():
        result = results.setdefault(one.test, Result())
        result.runs += 1
        if one.tracebacks:
            result.failures += 1
            result.first_traceback = result.first_traceback or one.tracebacks[0]
    return results


def _node_id(case: ElementTree.Element) -> str:
    file, name = case.get("file", ""), case.get("name", "")
    module = file.removesuffix(".py").replace("/", ".")
    classes = case.get("classname", "").removeprefix(module).split(".")
    return "::".join([file, *filter(None, classes), name])


def _without_number(run: str, times: int) -> str:
    """Drop the number of the run, which pytest-repeat puts after the test's own parameters."""
    with_parameters = re.sub(rf"-\d+-{times}\]$", "]", run)
    return re.sub(rf"\[\d+-{times}\]$", "", run) if with_parameters == run else with_parameters


def summary(results: dict[str, Result]) -> str:
    """Return the failed tests, most often failed first, each with its first traceback."""
    failed = sorted(
        ((test, result) for test, result in results.items() if result.failures),
        key=lambda pair: -pair[1].failures,
    )
    parts = [
        f"{result.failures} of {result.runs} failed: {test}\n{result.first_traceback}\n"
        for test, result in failed
    ]
    runs = sum(result.runs for result in results.values())
    parts.append(f"{len(failed)} of {len(results)} tests failed, in {runs} runs.")
    return "\n".join(parts)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
