"""Worker processes for the tests of faults: start, signal, stop and kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from devtools.launcher.parent_death import die_with_parent
from tests.faults.wait import wait_for
from tests.faults.worker import WorkerOptions
from tests.paths import ROOT

DEATH_SECONDS = 60


@dataclass(frozen=True)
class Worker:
    """One process, by its id."""

    pid: int

    @property
    def is_alive(self) -> bool:
        return self._status() not in (None, psutil.STATUS_ZOMBIE)

    @property
    def is_stopped(self) -> bool:
        return self._status() == psutil.STATUS_STOPPED

    def send(self, number: signal.Signals) -> None:
        if self.is_alive:
            os.kill(self.pid, number)

    def wait_dead(self, seconds: float = DEATH_SECONDS) -> float:
        """Wait until the process has ended; return the seconds it took."""
        return wait_for(lambda: not self.is_alive, seconds=seconds, what="the worker has ended")

    def wait_stopped(self) -> float:
        return wait_for(
            lambda: self.is_stopped, seconds=DEATH_SECONDS, what="the worker is stopped"
        )

    def _status(self) -> str | None:
        try:
            return str(psutil.Process(self.pid).status())
        except psutil.NoSuchProcess:
            return None


class WorkerForkServer:
    """A process that has set Django up and forks a worker per request."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker", "--fork-server"],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                bufsize=1,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    def fork(self, options: WorkerOptions) -> Worker:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(options.to_json() + "\n")
        return Worker(int(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass
class WorkerProcesses:
    """The workers of one test; `kill_all` ends them."""

    fork_server: WorkerForkServer
    started: list[Worker] = field(default_factory=list)

    def start(self, **options: Any) -> Worker:
        worker = self.fork_server.fork(WorkerOptions(**options))
        self.started.append(worker)
        return worker

    def kill_all(self) -> None:
        for worker in self.started:
            worker.send(signal.SIGKILL)
        for worker in self.started:
            worker.wait_dead()
