"""Imports the product into the launcher, so that its processes are forks that share the modules.

The launcher loads this module by its name, as it starts the programs of the product.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from importlib import import_module

import django
from django.urls import get_resolver

#: They need no settings, so they are imported while the servers start.
LIBRARIES = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "django.contrib.admin",
    "django.contrib.postgres.fields",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.schema",
    "django.template.defaulttags",
    "gunicorn.app.wsgiapp",
    "gunicorn.arbiter",
    "kombu.transport.redis",
    "requests",
    "supervisor.supervisord",
    "waitress.server",
)


def import_libraries() -> None:
    """Import what needs no settings."""
    for name in LIBRARIES:
        import_module(name)


def import_product(environment: Mapping[str, str]) -> None:
    """Import the product with these settings. Opens no connection and starts no thread.

    Not `callkeeper_metrika.wsgi`, which reads the folder of static files: it is empty as yet.
    """
    os.environ.update(environment)
    django.setup()
    from callkeeper_metrika.celery import app

    # Reading the patterns imports all views.
    assert get_resolver().url_patterns
    app.loader.import_default_modules()
    app.finalize()
    # Objects that the collector never visits stay on pages that the forks share.
    gc.collect()
    gc.freeze()
