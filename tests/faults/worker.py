"""A sender that can be killed at a failpoint: the loop of `run_sender` with a listener set.

`python -m tests.faults.worker --kill-at after_claim` runs one such process. With `--fork-server` it
sets Django up once and forks a worker for every line of JSON on its standard input, which is a
hundred times faster than a start. Nothing outside of the tests imports this module.
"""

from __future__ import annotations

import argparse
import ctypes
import http.client
import json
import mmap
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pkgutil import resolve_name
from types import FrameType
from typing import Any

#: Limits shortened from minutes to seconds; the relations between them are those of production.
PACE: dict[str, float] = {
    "UPLOAD_MIN_WAIT_SECONDS": 0,
    "ATTEMPT_WAIT_SECONDS": 0,
    "POLL_SECONDS": 0.2,
    "CONNECT_TIMEOUT_SECONDS": 0.5,
    "READ_TIMEOUT_SECONDS": 2,
    "UPLOAD_READ_TIMEOUT_SECONDS": 1,
    "LEASE_MARGIN_SECONDS": 1,
    "UNCLEAR_GRACE_SECONDS": 4,
}
BACKOFF_SECONDS = 0.5
#: Failpoints in the HTTP request; those of delivery are `calls.runtime.failpoints.Name`.
WIRE_FAILPOINTS = ("before_body", "mid_body", "after_body")
PR_SET_PDEATHSIG = 1


@dataclass
class WorkerOptions:
    """Options of one worker; at failpoint ``at`` it gets the signal ``act``: kill, stop or term."""

    at: str = ""
    act: str = "kill"
    #: The number of the passage of ``at`` at which the signal is sent, from 1.
    passage: int = 1
    #: "blind" repeats without a lookup, "no_grace" trusts the first listings, "gives_back" returns
    #: the rows of an accepted file to waiting.
    variant: str = ""
    interval: float = 0.15
    #: DATABASE_URL of another database than the environment's.
    database: str = ""
    #: Settings that differ from PACE.
    pace: dict[str, float] = field(default_factory=dict)
    #: Addresses that differ from the environment's.
    addresses: dict[str, str] = field(default_factory=dict)
    #: Instead of the loop: one task, called as Celery would call it, or a command of manage.py. A
    #: task of `calls` by its name, of another app by its path.
    task: str = ""
    command: tuple[str, ...] = ()
    #: Uploadings per page of the list; 0 keeps Metrika's 10,000.
    page: int = 0
    #: Rows of a step of a bulk action; 0 keeps those of `calls.bulk.actions`.
    bulk_step: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class KillSwitch:
    """Counts the passages of one failpoint and sends the signal at the chosen one."""

    def __init__(self, options: WorkerOptions) -> None:
        self._orders = options
        self._left = options.passage

    def reach(self, failpoint: str) -> None:
        if failpoint != self._orders.at:
            return
        self._left -= 1
        if self._left == 0:
            signals = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}
            os.kill(os.getpid(), signals[self._orders.act])


def work(options: WorkerOptions) -> None:
    """Run the worker until it is killed or asked to stop."""
    from django.core.management import call_command

    from calls import tasks
    from calls.delivery import sender_loop
    from calls.runtime import failpoints, shutdown
    from tests.faults.databases import use_database

    # Workers of a fork server are not a pool: each has a stop flag of its own.
    shutdown._requested = mmap.mmap(-1, 1)
    woken = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        shutdown.request()
        woken.set()

    signal.signal(signal.SIGTERM, stop)
    kill_switch = KillSwitch(options)
    failpoints.listener = kill_switch.reach
    _set_wire_failpoints(options.at, kill_switch.reach)
    _set_pace(options)
    if options.database:
        use_database(options.database)
    _apply_variant(options.variant)
    _shorten_pages(options.page)
    _shorten_bulk_steps(options.bulk_step)
    if options.task:
        task = resolve_name(options.task) if "." in options.task else getattr(tasks, options.task)
        task()
        return
    if options.command:
        call_command(*options.command)
        return
    sender_loop.run(rest=lambda: woken.wait(options.interval))


def _set_pace(options: WorkerOptions) -> None:
    from django.conf import settings

    from calls.delivery import policy

    for name, value in (PACE | options.pace | options.addresses).items():
        setattr(settings, name, value)
    policy.BACKOFF_FIRST = timedelta(seconds=BACKOFF_SECONDS)


def _apply_variant(variant: str) -> None:
    """Replace a part of the sender by a defective one, to prove that the harness detects it."""
    from django.conf import settings

    from calls.delivery import lookup, polling

    if variant == "blind":
        lookup.resolve_unclear = _repeat_blindly
    if variant == "gives_back":
        polling.poll_open = _giving_back(polling.poll_open)
    if variant == "no_grace":
        settings.UNCLEAR_GRACE_SECONDS = 0


def _shorten_pages(page: int) -> None:
    from integrations.yandex import metrika

    metrika.UPLOADINGS_PER_PAGE = page or metrika.UPLOADINGS_PER_PAGE


def _shorten_bulk_steps(rows: int) -> None:
    from calls.bulk.actions import ACTIONS

    if rows:
        ACTIONS.update({kind: replace(action, step=rows) for kind, action in ACTIONS.items()})


def _repeat_blindly() -> int:
    from django.utils import timezone

    from calls.models import Upload

    return Upload.objects.filter(state="unclear").update(state="later", not_before=timezone.now())


def _giving_back(poll_open: Callable[[], int]) -> Callable[[], int]:
    """Poll as usual, and return the rows of the first accepted file to waiting."""
    from django.db import transaction
    from django.utils import timezone

    from calls.delivery import rows
    from calls.models import Upload
    from calls.states import TAKEN_UPLOADS

    def poll_and_give_back() -> int:
        with transaction.atomic():
            first = Upload.objects.select_for_update().order_by("pk").first()
            if first is not None and first.state in TAKEN_UPLOADS:
                rows.return_to_waiting(first, now=timezone.now())
        return poll_open()

    return poll_and_give_back


def _set_wire_failpoints(at: str, reach: Callable[[str], None]) -> None:
    """Reach the wire failpoints from http.client, the last layer of our process."""
    send, getresponse = http.client.HTTPConnection.send, http.client.HTTPConnection.getresponse

    def send_with_failpoints(self: Any, data: Any) -> None:
        if bytes(data[:5]) == b"POST ":
            send(self, data)
            self.is_upload = True
            reach("before_body")
        elif getattr(self, "is_upload", False):
            middle = len(data) // 2
            send(self, data[:middle])
            reach("mid_body")
            send(self, data[middle:])
        else:
            send(self, data)

    def getresponse_with_failpoints(self: Any) -> http.client.HTTPResponse:
        if getattr(self, "is_upload", False) and at == "after_body":
            # The answer has arrived or the connection was cut: the sandbox has decided.
            select.select([self.sock], [], [], PACE["UPLOAD_READ_TIMEOUT_SECONDS"])
            reach("after_body")
        return getresponse(self)

    http.client.HTTPConnection.send = send_with_failpoints  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = getresponse_with_failpoints  # type: ignore[method-assign]


def serve_forks() -> None:
    """Fork a worker for every line that is read; at the end of input exit, which ends them too."""
    # Exit codes of children are not needed: the tests check the database.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run_as_child(WorkerOptions(**json.loads(line)))
        print(child, flush=True)  # noqa: T201 - the answer on stdout


def _run_as_child(options: WorkerOptions) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    code = 1
    try:
        work(options)
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """Set Django up, then run one worker or the fork server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fork-server", action="store_true")
    parser.add_argument("--kill-at", default="")
    chosen = parser.parse_args()
    import django

    django.setup()
    # Imported before the fork, so that no child repeats it.
    import calls.delivery.sender_loop
    import calls.tasks  # noqa: F401

    if chosen.fork_server:
        serve_forks()
    else:
        work(WorkerOptions(at=chosen.kill_at))


if __name__ == "__main__":
    main()
