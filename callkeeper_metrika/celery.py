"""The Celery application. Limits, queues, broker options: settings; what beat queues: schedule."""

from __future__ import annotations

import os

from celery import Celery

from callkeeper_metrika.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callkeeper_metrika.settings")

app = Celery("callkeeper_metrika")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()
