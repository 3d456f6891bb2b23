"""Management commands as child processes of the launcher."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import TextIO

from devtools.launcher.progress import Report
from devtools.launcher.python_process import start_python
from devtools.launcher.run_config import ROOT
from devtools.launcher.start_error import StartError


class ManagementCommand:
    """`manage.py WORDS…`, started at once; several may run at a time."""

    def __init__(self, environment: Mapping[str, str], *words: str) -> None:
        self.name = words[0]
        self._errors: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        reader, writer = os.pipe()
        self._lines = os.fdopen(reader, encoding="utf-8")
        try:
            self._process = start_python(
                ["manage.py", *words],
                cwd=ROOT,
                env=environment,
                stdout=writer,
                stderr=self._errors.fileno(),
            )
        finally:
            os.close(writer)

    def output(self, report: Report | None = None) -> str:
        """Wait for the end; return the output, each line of which is reported as it comes.

        Raises StartError with what the command wrote to stderr if it failed.
        """
        lines = []
        with self._errors:
            try:
                for line in self._lines:
                    lines.append(line)
                    if report:
                        report(line.strip())
                self._process.wait()
            finally:
                self.stop()
            self._raise_if_failed()
        return "".join(lines)

    def _raise_if_failed(self) -> None:
        if self._process.returncode:
            self._errors.seek(0)
            raise StartError(f"`manage.py {self.name}` failed:\n{self._errors.read().strip()}")

    def stop(self) -> None:
        """Kill the command if it still runs."""
        self._lines.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
