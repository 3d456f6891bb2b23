"""The senders of the soak: started, killed without warning, and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from django.conf import settings

from devtools.launcher.parent_death import die_with_parent

#: Younger ones are still importing: their death would prove nothing.
GROWN_UP_SECONDS = 2.0
STOP_SECONDS = 15
#: Minutes become seconds; the grace stays longer than all that the faults delay.
PACE = {
    "UPLOAD_MIN_WAIT_SECONDS": "2",
    "ATTEMPT_WAIT_SECONDS": "3",
    "POLL_SECONDS": "3",
    "CONNECT_TIMEOUT_SECONDS": "1",
    "READ_TIMEOUT_SECONDS": "10",
    "UPLOAD_READ_TIMEOUT_SECONDS": "2",
    "LEASE_MARGIN_SECONDS": "2",
    "UNCLEAR_GRACE_SECONDS": "8",
    "UPLOAD_MAX_ROWS": "500",
    "METRIKA_DAILY_REQUESTS": "10000000",
    "LOG_LEVEL": "ERROR",
}


def keep_pace_here() -> None:
    """Let this process, which decides about the calls it hands in, wait as briefly as the workers.

    How long an attempt waits for the next one is settled when it comes in.
    """
    settings.ATTEMPT_WAIT_SECONDS = int(PACE["ATTEMPT_WAIT_SECONDS"])


@dataclass
class Workers:
    """A fixed number of `run_sender` processes."""

    count: int
    rng: random.Random
    kills: int = 0
    _running: list[tuple[subprocess.Popen[bytes], float]] = field(default_factory=list)

    def keep_running(self) -> None:
        """Replace those that have ended."""
        self._running = [one for one in self._running if one[0].poll() is None]
        while len(self._running) < self.count:
            self._running.append((self._start(), time.monotonic()))

    def kill_one(self) -> bool:
        """`kill -9` a random one that is at work; False when none is yet."""
        now = time.monotonic()
        grown_up = [one for one, since in self._running if now - since > GROWN_UP_SECONDS]
        if not grown_up:
            return False
        victim = self.rng.choice(grown_up)
        victim.kill()
        victim.wait()
        self.kills += 1
        return True

    def stop(self) -> None:
        """Ask all to end, then insist."""
        for worker, _since in self._running:
            worker.terminate()
        for worker, _since in self._running:
            try:
                worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._running = []

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "run_sender", "--interval", "0.3"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **PACE},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
