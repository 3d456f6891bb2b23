from __future__ import annotations

import io
import re
import sys

import pytest

from devtools.launcher.progress import progress_line


class Terminal(io.StringIO):
    """The text a terminal shows: a backspace moves back, and characters overwrite."""

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> str:
        cells: list[str] = []
        place = 0
        for sign in self.getvalue():
            if sign == "\b":
                place -= 1
                continue
            place = len(cells) if sign == "\n" else place
            cells[place : place + 1] = [sign]
            place += 1
        return "".join(cells)


def test_terminal_shows_the_progress_and_then_only_the_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    with progress_line("Preparing") as report:
        report("9 of 10")
        assert terminal.seen == "Preparing … 9 of 10"
        report("10 of 10, which is all")

    assert re.fullmatch(r"Preparing … 0\.\d s +\n", terminal.seen)


def test_output_to_a_file_has_only_the_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line("Preparing") as report:
        report("9 of 10")

    assert re.fullmatch(r"Preparing … 0\.\d s\n", capsys.readouterr().out)


def test_step_that_fails_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), progress_line("Preparing"):
        raise ValueError("no")

    assert capsys.readouterr().out == "Preparing … \n"
