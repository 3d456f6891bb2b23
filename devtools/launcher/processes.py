"""The programs of `./run` under supervisord, which is a child of this process.

The sandbox has a supervisord of its own: it starts before the product and stops after it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.launcher.python_process import PythonProcess, start_python
from devtools.launcher.run_config import HOST, ROOT, RunConfig
from devtools.launcher.start_error import StartError

READY_TIMEOUT_SECONDS = 120
READY_STEP_SECONDS = 0.1
# A program that exits more often than this during the start is reported as failed.
FAILURES_ALLOWED = 2
# Without the proxy of the environment: the addresses are on this machine.
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
WORKER_CLASS = "callkeeper_metrika.web_server.worker.BufferedWorker"
#: Lines of Celery's log, at level INFO.
WORKER_READY, BEAT_READY = " ready.\n", " beat: Starting..."
CELERY = ("-W", ROOT_WARNING, "-m", "celery", "-A", "callkeeper_metrika")

SUPERVISORD = """\
[supervisord]
nodaemon=true
silent=true
logfile={logs}/supervisord-{title}.log
logfile_maxbytes=1MB
pidfile={data}/supervisord-{title}.pid
directory={root}
{user}

; One group, so that all its programs are stopped at once.
[group:{title}]
programs={names}
"""

# `parent_death` ends the program with supervisord. After stopwaitsecs supervisord sends SIGKILL.
PROGRAM = """
[program:{name}]
command={command}
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
redirect_stderr=true
autorestart=true
startsecs=1
startretries=60
stopwaitsecs={stop_seconds}
killasgroup=true
"""


@dataclass(frozen=True)
class Program:
    """The arguments of `python`, and how long the program may take to stop.

    The program is up once it has written ``ready_words`` to its log; without them, once it runs.
    """

    words: Sequence[str]
    stop_seconds: int
    ready_words: str = ""


class Processes:
    """A group of programs under one supervisord."""

    def __init__(self, title: str, programs: Mapping[str, Program], data: Path) -> None:
        self.title = title
        self.programs = programs
        self.data = data
        self.logs = data / "logs"
        self.supervisord: PythonProcess | None = None
        self._log_sizes: dict[str, int] = {}

    @property
    def log(self) -> Path:
        """The log of supervisord."""
        return self.logs / f"supervisord-{self.title}.log"

    @property
    def is_running(self) -> bool:
        """Whether supervisord is running."""
        return self.supervisord is not None and self.supervisord.poll() is None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord with all programs, without waiting for them."""
        config = self.data / f"supervisord-{self.title}.conf"
        config.write_text(configuration(self.title, self.programs, self.data), encoding="utf-8")
        self.log.unlink(missing_ok=True)
        self._log_sizes = {name: _size(self._program_log(name)) for name in self.programs}
        with (self.logs / f"supervisord-{self.title}.out").open("wb") as output:
            self.supervisord = start_python(
                ["-m", "devtools.launcher.supervisor", "-n", "-c", str(config)],
                cwd=ROOT,
                env=environment,
                stdout=output.fileno(),
                stderr=output.fileno(),
            )

    def wait_until_ready(self, address: str) -> None:
        """Return when all programs are up and `address` responds; StartError if one failed."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not (self._all_up() and _answers(address)):
            self._raise_if_failed(late=time.monotonic() > deadline)
            time.sleep(READY_STEP_SECONDS)

    def stop(self) -> None:
        """Stop supervisord and its programs; kill it after the longest stop time."""
        supervisord, self.supervisord = self.supervisord, None
        if supervisord is None:
            return
        supervisord.terminate()
        try:
            supervisord.wait(max(program.stop_seconds for program in self.programs.values()) + 2)
        except subprocess.TimeoutExpired:
            supervisord.kill()
            supervisord.wait()

    def _log_text(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def _all_up(self) -> bool:
        """Whether all programs are up; sooner than supervisord reports the state RUNNING."""
        words = self._log_text()
        return all(
            f"spawned: '{name}' " in words and program.ready_words in self._written_by(name)
            for name, program in self.programs.items()
        )

    def _written_by(self, name: str) -> str:
        """Return what the program has written to its log since the start."""
        log = self._program_log(name)
        if not log.exists():
            return ""
        with log.open("rb") as file:
            # A log that is shorter than at the start has been rotated.
            file.seek(self._log_sizes[name] if self._log_sizes[name] <= _size(log) else 0)
            return file.read().decode(errors="replace")

    def _program_log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _raise_if_failed(self, *, late: bool) -> None:
        if not self.is_running:
            raise StartError(f"The supervisor ended; {self.log.with_suffix('.out')} says why.")
        words = self._log_text()
        for name in self.programs:
            if words.count(f"exited: {name} ") > FAILURES_ALLOWED:
                raise StartError(f"{name} does not start; {self.logs}/{name}.log says why.")
        if late:
            raise StartError(
                f"Not everything is ready after {READY_TIMEOUT_SECONDS} s: {self.logs}."
            )


def configuration(title: str, programs: Mapping[str, Program], data: Path) -> str:
    """Return supervisord's configuration. It has no secrets: programs inherit the environment."""
    places = {"data": _literal(str(data)), "logs": _literal(str(data / "logs"))}
    user = "user=root" if os.geteuid() == 0 else ""
    parts = [
        SUPERVISORD.format(
            title=title, root=_literal(str(ROOT)), user=user, names=",".join(programs), **places
        )
    ]
    for name, program in programs.items():
        words = [
            sys.executable,
            "-m",
            "devtools.launcher.parent_death",
            sys.executable,
            *program.words,
        ]
        command = _literal(shlex.join(words))
        parts.append(
            PROGRAM.format(name=name, command=command, stop_seconds=program.stop_seconds, **places)
        )
    return "".join(parts)


def product_programs(config: RunConfig) -> dict[str, Program]:
    """Return the web server, the Celery workers and beat."""
    schedule = str(config.data / "beat-schedule")
    return {
        "web": Program(["-m", "gunicorn", *_gunicorn(config.port)], 6),
        "worker": _worker("worker", queue="celery", threads=4),
        "sender": _worker("sender", queue="send", threads=2),
        "beat": Program(
            [*CELERY, "beat", "-s", schedule, "--pidfile=", "-l", "INFO"], 4, BEAT_READY
        ),
    }


def _worker(name: str, *, queue: str, threads: int) -> Program:
    """Return a worker of one queue. Threads take less memory than production's processes.

    It asks no other worker for revoked tasks, a second of its start: no task is ever revoked.
    """
    pool = ("-P", "threads", "-c", str(threads))
    alone = ("--without-mingle", "--without-gossip")
    words = [*CELERY, "worker", "-Q", queue, *pool, *alone, "-n", f"{name}@%h", "-l", "INFO"]
    return Program(words, 8, WORKER_READY)


def sandbox_programs(config: RunConfig) -> dict[str, Program]:
    """Return the sandbox; the client id and secret it accepts are in the environment."""
    words = [
        "-m",
        "devtools.sandbox",
        f"--host={HOST}",
        f"--port={config.sandbox_port}",
        f"--state={config.data / 'sandbox.sqlite3'}",
        f"--redirect-uri={config.url}/lk/integrations/yandex/callback",
    ]
    return {"sandbox": Program(words, 4)}


def _gunicorn(port: int) -> list[str]:
    return [
        "callkeeper_metrika.wsgi:application",
        f"--bind={HOST}:{port}",
        f"--worker-class={WORKER_CLASS}",
        "--workers=2",
        "--threads=4",
        "--graceful-timeout=4",
        "--no-control-socket",
    ]


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _literal(text: str) -> str:
    """Escape for supervisord's configuration, where a percent sign begins a substitution."""
    return text.replace("%", "%%")


def _answers(address: str) -> bool:
    try:
        with WITHOUT_PROXY.open(address, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        # Any response will do, except for /readyz, whose status means readiness.
        if address.endswith("/readyz"):
            return _is_only_halted(answer.read())
        return answer.code < 500
    except OSError:
        return False


def _is_only_halted(body: bytes) -> bool:
    """Whether everything runs and only sending is halted, which a command ends while it runs."""
    try:
        checks: dict[str, str] = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return False
    failed = {name for name, outcome in checks.items() if outcome != "ok"}
    return failed == {"installation"}
