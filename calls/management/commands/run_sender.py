"""Runs delivery without a broker: for a long outage of Redis, and as the worker of soak tests."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from calls.delivery import sender_loop
from calls.runtime import shutdown


class Command(BaseCommand):
    """SIGTERM and Ctrl-C stop it after the upload being sent; several may run at once.

    Past calls that a person ordered are put into the queue. Bulk actions
    (`calls.bulk.run`), imports of files and pulls are left to Celery.
    """

    help = "Deliver calls to Metrika without Celery: build, send, look up, poll, until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--interval", type=float, default=5.0, help="seconds between rounds")

    def handle(self, *args: Any, **options: Any) -> None:
        woken = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            shutdown.request()
            woken.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        sender_loop.run(rest=lambda: woken.wait(options["interval"]), once=options["once"])
