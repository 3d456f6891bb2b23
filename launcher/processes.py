"""Web, worker, clock and sandbox, kept running by supervisord, which is kept by us."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from launcher.refusal import Refusal
from launcher.tether import die_with_parent
from launcher.trial import HOST, ROOT, Trial

READY_TIMEOUT_SECONDS = 120
# So often a part may fail in the beginning before we call it broken.
FAILURES_ALLOWED = 2
# Longer than all the waits that supervisord itself allows below, one group after the other.
STOP_TIMEOUT_SECONDS = 14
# Whatever proxy the environment names, it does not lead to this machine.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"

SUPERVISORD = """\
[supervisord]
nodaemon=true
silent=true
logfile={logs}/supervisord.log
logfile_maxbytes=1MB
pidfile={data}/supervisord.pid
directory={root}
{user}
"""

# `tether` ends the program with supervisord, however that ends. stopwaitsecs: then comes SIGKILL.
PROGRAM = """
[program:{name}]
command={command}
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
redirect_stderr=true
autorestart=true
startsecs=2
startretries=60
stopwaitsecs={patience}
killasgroup=true
"""

# The group with the higher number stops first, all of it at once: the worker still needs Yandex.
GROUPS = """
[group:product]
programs=web,worker,beat
priority=900
"""


class Processes:
    """The product's processes from their start to their stop."""

    def __init__(self, trial: Trial, environment: Mapping[str, str]) -> None:
        self.trial = trial
        self.environment = dict(environment)
        self.logs = trial.data / "logs"
        self.supervisord: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self.supervisord is not None and self.supervisord.poll() is None

    def start(self) -> None:
        """Start everything at once, without waiting."""
        config = self.trial.data / "supervisord.conf"
        config.write_text(configuration(self.trial), encoding="utf-8")
        (self.logs / "supervisord.log").unlink(missing_ok=True)
        with (self.logs / "supervisord.out").open("wb") as output:
            self.supervisord = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", config],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def wait_until_ready(self) -> None:
        """Return when the product says it is ready; raise Refusal when a part gave up."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        addresses = [f"http://{HOST}:{self.trial.port}/readyz"]
        if self.trial.sandbox_url:
            addresses.append(self.trial.sandbox_url)
        missing = list(commands(self.trial))
        while addresses or missing:
            addresses = [address for address in addresses if not _answers(address)]
            words = self._supervisors_words()
            missing = [name for name in missing if f"success: {name} entered RUNNING" not in words]
            self._complain(words, late=time.monotonic() > deadline)
            time.sleep(0.2)

    def stop(self) -> None:
        """End everything, the sandbox last; insist where asking does not help."""
        supervisord, self.supervisord = self.supervisord, None
        if supervisord is None:
            return
        supervisord.terminate()
        try:
            supervisord.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            supervisord.kill()
            supervisord.wait()

    def _supervisors_words(self) -> str:
        log = self.logs / "supervisord.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def _complain(self, words: str, *, late: bool) -> None:
        if not self.is_running:
            raise Refusal(f"The supervisor ended; {self.logs}/supervisord.out says why.")
        for name in commands(self.trial):
            if words.count(f"exited: {name} ") > FAILURES_ALLOWED:
                raise Refusal(f"{name} does not start; {self.logs}/{name}.log says why.")
        if late:
            raise Refusal(f"Not everything is ready after {READY_TIMEOUT_SECONDS} s: {self.logs}.")


def configuration(trial: Trial) -> str:
    """Write the supervisor's file. Secrets are not in it: programs inherit the environment."""
    logs = _literal(str(trial.data / "logs"))
    user = "user=root" if os.geteuid() == 0 else ""
    parts = [
        SUPERVISORD.format(
            logs=logs, data=_literal(str(trial.data)), root=_literal(str(ROOT)), user=user
        )
    ]
    for name, (words, patience) in commands(trial).items():
        line = shlex.join([sys.executable, "-m", "launcher.tether", sys.executable, *words])
        parts.append(
            PROGRAM.format(name=name, command=_literal(line), logs=logs, patience=patience)
        )
    return "".join([*parts, GROUPS])


def commands(trial: Trial) -> dict[str, tuple[list[str], int]]:
    """Return, per program, the words after `python` and the seconds it has for its stop."""
    celery = ["-W", ROOT_WARNING, "-m", "celery", "-A", "callkeeper_metrika"]
    schedule = str(trial.data / "beat-schedule")
    programs = {
        "web": (["-m", "gunicorn", *_gunicorn(trial.port)], 6),
        # Threads: about 50 MB less than processes; production has processes.
        "worker": ([*celery, "worker", "--pool=threads", "--concurrency=4", "--loglevel=INFO"], 8),
        "beat": ([*celery, "beat", f"--schedule={schedule}", "--pidfile=", "--loglevel=INFO"], 4),
    }
    if trial.sandbox_port:
        programs["sandbox"] = (["-m", "integrations.sandbox", *_sandbox(trial)], 4)
    return programs


def _gunicorn(port: int) -> list[str]:
    return [
        "callkeeper_metrika.wsgi:application",
        f"--bind={HOST}:{port}",
        "--worker-class=gthread",
        "--workers=2",
        "--threads=4",
        "--graceful-timeout=4",
        "--no-control-socket",
    ]


def _sandbox(trial: Trial) -> list[str]:
    return [
        f"--host={HOST}",
        f"--port={trial.sandbox_port}",
        f"--state={trial.data / 'sandbox.sqlite3'}",
        f"--redirect-uri={trial.url}/lk/integrations/yandex/callback",
    ]


def _literal(text: str) -> str:
    """Escape for the supervisor's file, where a percent sign begins a substitution."""
    return text.replace("%", "%%")


def _answers(address: str) -> bool:
    try:
        with DIRECTLY.open(address, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        # Somebody is there; only /readyz means more than that by its status.
        return not address.endswith("/readyz") and answer.code < 500
    except OSError:
        return False
