"""Tables of the naive peer: ordinary Django models with the indexes that Django gives them.

The app is in no INSTALLED_APPS: `make_tables` and `drop_tables` have them for a figure.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import connection, models


class NaiveCall(models.Model):
    """A call: its record as it came and the values of a file for Metrika."""

    external_id = models.CharField(max_length=128, unique=True)
    raw = models.JSONField()
    started_at = models.DateTimeField(db_index=True)
    phone = models.CharField(max_length=20, db_index=True)
    duration_seconds = models.PositiveIntegerField()
    status = models.CharField(max_length=16)
    client_id = models.CharField(max_length=32)
    yclid = models.CharField(max_length=32)
    is_static = models.BooleanField()
    is_unique = models.BooleanField()
    page_url = models.TextField()
    tags = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[NaiveCall]] = models.Manager()

    class Meta:
        app_label = "naive"

    def __str__(self) -> str:
        return self.external_id


class NaiveDelivery(models.Model):
    """A call for a counter."""

    call = models.ForeignKey(NaiveCall, models.CASCADE, related_name="deliveries")
    counter = models.PositiveIntegerField(db_index=True)
    state = models.CharField(max_length=16, default="waiting", db_index=True)
    reason = models.CharField(max_length=32, blank=True)
    upload = models.PositiveIntegerField(null=True, db_index=True)
    decided_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[NaiveDelivery]] = models.Manager()

    class Meta:
        app_label = "naive"
        unique_together = (("call", "counter"),)

    def __str__(self) -> str:
        return f"{self.pk} → {self.counter}"


class NaiveFile(models.Model):
    """The bytes of a file."""

    body = models.BinaryField()

    objects: ClassVar[models.Manager[NaiveFile]] = models.Manager()

    class Meta:
        app_label = "naive"

    def __str__(self) -> str:
        return str(self.pk)


MODELS = (NaiveCall, NaiveDelivery, NaiveFile)


def make_tables() -> None:
    """Create the tables, empty."""
    drop_tables()
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)


def drop_tables() -> None:
    """Drop the tables, if they are there."""
    with connection.cursor() as cursor:
        for model in reversed(MODELS):
            cursor.execute(f'DROP TABLE IF EXISTS "{model._meta.db_table}"')
