"""The Celery application; limits and broker options are in settings, the timetable beside it."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

from callkeeper_metrika.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callkeeper_metrika.settings")

app = Celery("callkeeper_metrika")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@worker_ready.connect
def watch_over(**_details: Any) -> None:
    """Let a worker that goes deaf end, and be started anew."""
    from callkeeper_metrika import watchdog  # only a worker needs what this brings along

    watchdog.start()
