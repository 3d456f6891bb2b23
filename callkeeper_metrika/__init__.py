"""The project package: settings, URLs, Celery, health checks; no business rules."""

from __future__ import annotations

from callkeeper_metrika.celery import app as celery_app

__all__ = ["celery_app"]
