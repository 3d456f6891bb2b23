"""Counters whose waiting calls are being decided again in the background."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from counters.models import Counter


class Redecision(models.Model):
    """The waiting calls of one counter have to be decided again, because it was changed.

    No file is built for the counter while this row exists. `calls.delivery.redecision` goes through
    the counter's part of the ledger, from the newest row to the oldest, and deletes the row at the
    end. Whoever creates or deletes it holds the lock of the counter.
    """

    counter = models.OneToOneField(
        Counter,
        models.CASCADE,
        primary_key=True,
        related_name="redecision",
        verbose_name=_("Счетчик"),
    )
    #: When the counter was changed; another change begins again.
    requested_at = models.DateTimeField(_("Начат"))
    #: Rows to decide, and how many are decided; null until they are counted.
    total = models.PositiveIntegerField(_("Всего"), null=True)
    done = models.PositiveIntegerField(_("Пересчитано"), default=0)
    #: Key of the last row that was gone through; null before the first.
    reached_at = models.DateTimeField(null=True, editable=False)
    reached_call = models.BigIntegerField(null=True, editable=False)
    #: When the last step was made.
    moved_at = models.DateTimeField(_("Последний шаг"), null=True)

    class Meta:
        verbose_name = _("пересчёт")
        verbose_name_plural = _("пересчёты")

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.done}/{self.total}"
