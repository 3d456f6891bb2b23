"""Delivers without a broker: for when Redis is away for long, and as the worker of the soak."""

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
    """SIGTERM and Ctrl-C end it after the upload that is on its way; there may be several."""

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
