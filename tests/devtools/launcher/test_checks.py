"""`./test` says what each step cost, and ends well only when every step did."""

from __future__ import annotations

import signal

import pytest

from devtools.launcher import checks
from devtools.launcher.checks import Result, summary

LINT = Result("Lint", True, 0.26)
TESTS = Result("Tests", True, 431.7)


def test_summary_has_a_line_with_seconds_per_step_and_ends_with_the_total() -> None:
    lines = summary([LINT, TESTS]).splitlines()

    assert lines[2:] == [
        "passed    0.3 s  Lint",
        "passed  431.7 s  Tests",
        "",
        "All 2 checks passed in 432 s.",
    ]


def test_summary_names_the_steps_that_failed() -> None:
    lines = summary([LINT, Result("Types", False, 9.0), TESTS]).splitlines()

    assert lines[3] == "FAILED    9.0 s  Types"
    assert lines[-1] == "1 of 3 checks failed: Types"


@pytest.mark.parametrize(("code", "end"), [("0", None), ("1", 1)])
def test_exit_code_is_zero_only_if_every_step_passed(
    code: str, end: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (("Good", ("-c", "")), ("Other", ("-c", f"raise SystemExit({code})")))
    monkeypatch.setattr(checks, "CHECKS", steps)
    monkeypatch.setattr(checks, "start_servers", lambda stack: None)
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)

    assert exit_code() == end
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line.startswith("1 of 2 checks failed: Other" if end else "All 2 checks passed in ")


def exit_code() -> int | str | None:
    try:
        checks.main([])
    except SystemExit as stop:
        return stop.code
    return None
