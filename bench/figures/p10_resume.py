"""P10: how soon work goes on after a worker was killed without warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils import timezone

from bench import many, world
from bench.figure import Fact, Figure
from calls.models import Upload
from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.run_config import ROOT

#: Files that wait, of a call each: enough that some are left when the first one was taken.
FILES = 60
LIMIT_SECONDS = 60


class Resume(Figure):
    """One worker, killed while it sends; what keeps it running starts the next one at once.

    The time goes by until Metrika has taken the next file. That of the killed request is not
    among them: it may have arrived, and is looked up when its lease is over.
    """

    title = "P10 work resumed after kill -9"
    contenders = ()

    def prepare(self) -> None:
        seconds = [killed_and_resumed() for _kill in range(self.sizes.kills)]
        if seconds:
            self.facts.append(Fact(f"longest of {len(seconds)}", max(seconds), "s", at_most=15))
        else:
            self.notes.append("this size kills no worker.")
        world.forget_calls()


def killed_and_resumed() -> float:
    """Return the seconds from `kill -9` to the next file that is taken."""
    world.forget_calls()
    many.multiply(world.make_world(1), "10", many.Copies(FILES - 1))
    with _worker() as worker:
        _wait_for_file_after(None)
        worker.kill()
        worker.wait()
    killed_at = timezone.now()
    with _worker():
        return (_wait_for_file_after(killed_at) - killed_at).total_seconds()


@contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a sender with the pause of a product between two rounds."""
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "run_sender"],
        cwd=ROOT,
        env=os.environ | {"UPLOAD_MAX_ROWS": "1"},
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait()


def _wait_for_file_after(moment: datetime | None) -> datetime:
    """Return when a file was taken after that; raise RuntimeError when none is."""
    taken = Upload.objects.filter(accepted_at__isnull=False)
    if moment is not None:
        taken = taken.filter(accepted_at__gt=moment)
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        accepted_at = taken.order_by("accepted_at").values_list("accepted_at", flat=True).first()
        if accepted_at is not None:
            return accepted_at
        time.sleep(0.05)
    raise RuntimeError("no file is sent")
