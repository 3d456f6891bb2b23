"""Repeated tests: what fails sometimes is found and counted exactly."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from devtools.tools import flaky
from devtools.tools.flaky import DidNotRun, Result, changed_tests, cpu_load, read_report, repeat

PLANTED = """
import itertools
import pytest

runs = itertools.count(1)
teardowns = itertools.count(1)

def test_every_third_run_fails():
    assert next(runs) % 3, "planted"

@pytest.mark.parametrize("value", ["2-9", "b"])
def test_steady(value):
    pass

@pytest.fixture
def torn():
    yield
    assert next(teardowns) % 4, "torn down"

class TestGroup:
    def test_teardown(self, torn):
        pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tests of its own, which know nothing of our settings."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    (tmp_path / "test_planted.py").write_text(PLANTED)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    person = ["-c", "user.name=Test", "-c", "user.email=test@example.ru"]
    subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True)


def test_failures_of_each_test_are_counted_and_the_first_traceback_is_kept(folder: Path) -> None:
    results = repeat(["test_planted.py"], times=9, folder=folder)

    counts = {test: (result.failures, result.runs) for test, result in results.items()}
    assert counts == {
        "test_planted.py::test_every_third_run_fails": (3, 9),
        "test_planted.py::test_steady[2-9]": (0, 9),
        "test_planted.py::test_steady[b]": (0, 9),
        "test_planted.py::TestGroup::test_teardown": (2, 9),
    }
    assert "planted\nassert (3 % 3)" in results[
        "test_planted.py::test_every_third_run_fails"
    ].first_traceback.replace("E       ", "").replace("AssertionError: ", "")


def test_exit_code_and_summary_name_the_flaky_test_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flaky, "ROOT", folder)
    planted, steady = "test_planted.py::test_every_third_run_fails", "test_planted.py::test_steady"

    assert flaky.main(["--times", "4", "--busy", "1", planted, steady]) == 1
    out = capsys.readouterr().out
    assert f"1 of 4 failed: {planted}\n" in out
    assert "1 of 3 tests failed, in 12 runs." in out
    assert steady not in out

    assert flaky.main(["--times", "4", "--busy", "1", steady]) == 0
    assert capsys.readouterr().out == "0 of 2 tests failed, in 8 runs.\n"


def test_failed_call_and_failed_teardown_are_one_failed_run() -> None:
    case = '<testcase classname="tests.test_a" name="test_b[1-2]" file="tests/test_a.py">'
    report = (
        f"<testsuites>{case}<failure>call</failure></testcase>"
        f"{case}<error>teardown</error></testcase></testsuites>"
    )

    assert read_report(report, times=2) == {"tests/test_a.py::test_b": Result(1, 1, "call")}


def test_tests_that_cannot_be_collected_are_not_taken_for_steady_ones(folder: Path) -> None:
    (folder / "test_planted.py").write_text("import no_such_module")

    with pytest.raises(DidNotRun):
        repeat(["test_planted.py"], times=2, folder=folder)


def test_changed_tests_are_those_that_differ_from_the_base_and_still_exist(tmp_path: Path) -> None:
    names = ("test_same", "test_changed", "test_deleted", "conftest", "test_committed")
    (tmp_path / "tests").mkdir()
    files = {name: tmp_path / "tests" / f"{name}.py" for name in names}
    for name in names[:-1]:
        files[name].write_text("")
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "Base")
    git(tmp_path, "checkout", "-b", "work")
    files["test_committed"].write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "Work")
    files["test_changed"].write_text("# changed")
    files["conftest"].write_text("# changed")
    files["test_deleted"].unlink()
    (tmp_path / "tests" / "calls").mkdir()
    (tmp_path / "tests" / "calls" / "test_new.py").write_text("")

    assert changed_tests("main", tmp_path) == [
        "tests/calls/test_new.py",
        "tests/test_changed.py",
        "tests/test_committed.py",
    ]


def test_load_runs_as_long_as_the_tests_and_no_longer() -> None:
    with cpu_load(2) as busy:
        assert [process.poll() for process in busy] == [None, None]

    assert [process.returncode for process in busy] == [-signal.SIGKILL, -signal.SIGKILL]
