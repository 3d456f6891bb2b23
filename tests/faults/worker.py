"""A sender whose death can be arranged: the rounds of `run_sender` with a listener in its memory.

`python -m tests.faults.worker --kill-at after_claim` is one such process. With `--nursery` it sets
Django up once and forks a worker for every line of JSON on its standard input, which is a hundred
times quicker than a start. Nothing outside of the tests imports this module.
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
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from types import FrameType
from typing import Any

#: What a minute is in production is a blink here; the relations between the limits stay.
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
#: Moments on the wire; those in our own steps are `calls.runtime.failpoints.Name`.
WIRE_MOMENTS = ("before_body", "mid_body", "after_body")
PR_SET_PDEATHSIG = 1


@dataclass
class Orders:
    """What one worker is told. ``act`` is what happens to it at ``at``: kill, stop or nothing."""

    at: str = ""
    act: str = "kill"
    #: The how-manieth passage of ``at`` it is.
    passage: int = 1
    #: "blind" repeats without a lookup, "no_grace" believes the first listings, "gives_back" lets
    #: the rows of a file that Metrika has wait again.
    variant: str = ""
    interval: float = 0.05
    #: Settings that differ from PACE.
    pace: dict[str, float] = field(default_factory=dict)
    #: Addresses that differ from the environment's.
    addresses: dict[str, str] = field(default_factory=dict)
    #: Instead of the rounds: one task, called as Celery would call it.
    task: str = ""
    #: Uploadings on a page of the list; 0 leaves the vendor's 10,000.
    page: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Fate:
    """Counts the passages of one moment and acts at the chosen one."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._left = orders.passage

    def meet(self, moment: str) -> None:
        if moment != self._orders.at:
            return
        self._left -= 1
        if self._left == 0:
            signals = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}
            os.kill(os.getpid(), signals[self._orders.act])


def work(orders: Orders) -> None:
    """Be the worker until killed or asked to stop."""
    from calls import tasks
    from calls.delivery import sender_loop
    from calls.runtime import failpoints, shutdown

    # The workers of a nursery are no pool: each is asked to stop by itself.
    shutdown._requested = mmap.mmap(-1, 1)
    woken = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        shutdown.request()
        woken.set()

    signal.signal(signal.SIGTERM, stop)
    fate = Fate(orders)
    failpoints.listener = fate.meet
    _listen_on_the_wire(orders.at, fate.meet)
    _set_pace(orders)
    _become_worse(orders.variant)
    _shorten_pages(orders.page)
    if orders.task:
        getattr(tasks, orders.task)()
        return
    sender_loop.run(rest=lambda: woken.wait(orders.interval))


def _set_pace(orders: Orders) -> None:
    from django.conf import settings

    from calls.delivery import policy

    for name, value in (PACE | orders.pace | orders.addresses).items():
        setattr(settings, name, value)
    policy.BACKOFF_FIRST = timedelta(seconds=BACKOFF_SECONDS)


def _become_worse(variant: str) -> None:
    """Prove the harness: senders that do what must never be done."""
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


def _repeat_blindly() -> int:
    from django.utils import timezone

    from calls.models import Upload

    return Upload.objects.filter(state="unclear").update(state="later", not_before=timezone.now())


def _giving_back(poll_open: Callable[[], int]) -> Callable[[], int]:
    """Poll as ever; the rows of the first file go again in another as soon as it was taken."""
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


def _listen_on_the_wire(at: str, meet: Callable[[str], None]) -> None:
    """Announce how far an upload has left this process: http.client is the last of our side."""
    send, getresponse = http.client.HTTPConnection.send, http.client.HTTPConnection.getresponse

    def announcing_send(self: Any, data: Any) -> None:
        if bytes(data[:5]) == b"POST ":
            send(self, data)
            self.is_upload = True
            meet("before_body")
        elif getattr(self, "is_upload", False):
            middle = len(data) // 2
            send(self, data[:middle])
            meet("mid_body")
            send(self, data[middle:])
        else:
            send(self, data)

    def announcing_getresponse(self: Any) -> http.client.HTTPResponse:
        if getattr(self, "is_upload", False) and at == "after_body":
            # The answer has come, or the line was cut: the stand-in has made up its mind.
            select.select([self.sock], [], [], PACE["UPLOAD_READ_TIMEOUT_SECONDS"])
            meet("after_body")
        return getresponse(self)

    http.client.HTTPConnection.send = announcing_send  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = announcing_getresponse  # type: ignore[method-assign]


def nurse() -> None:
    """Fork a worker for every order that is read; end, and the workers with it, at the last."""
    # Children that end are nobody's business: the tests look at what they left.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run_as_child(Orders(**json.loads(line)))
        print(child, flush=True)  # noqa: T201 - the answer to the order


def _run_as_child(orders: Orders) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    code = 1
    try:
        work(orders)
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """Set Django up, then be one worker or the nursery of many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nursery", action="store_true")
    parser.add_argument("--kill-at", default="")
    chosen = parser.parse_args()
    import django

    django.setup()
    # Imported before the fork, so that no child does it again.
    import calls.delivery.sender_loop
    import calls.tasks  # noqa: F401

    if chosen.nursery:
        nurse()
    else:
        work(Orders(at=chosen.kill_at))


if __name__ == "__main__":
    main()
