"""The Celery application. Limits, queues, broker options: settings; what beat queues: schedule."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init

from callkeeper_metrika.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callkeeper_metrika.settings")

app = Celery("callkeeper_metrika")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@beat_init.connect
def _mark_at_once(**_event: Any) -> None:
    """Queue the heartbeat when beat starts: its schedule would first do so an interval later."""
    app.send_task("calls.heartbeat", expires=20, retry=False)
