"""Sources whose calls we fetch from CallKeeper: the key, the position and the last outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import CallSource
from cabinets.sealing import SealedTextField


class PullSourceQuerySet(models.QuerySet["PullSource"]):
    """The queries of `PullSource.objects`."""

    def due(self, now: datetime) -> Self:
        """Those to be asked now, and held by no worker."""
        is_free = Q(lease_until=None) | Q(lease_until__lte=now)
        active = self.filter(state=PullSource.State.ACTIVE, source__is_active=True)
        return active.filter(is_free, next_at__lte=now)

    def held(self, now: datetime) -> Self:
        """Those that a worker is asking at the moment."""
        return self.filter(lease_until__gt=now)


class PullSource(models.Model):
    """How the calls of one source are pulled; `calls.ways.pull` moves it.

    Everything up to ``pulled_until`` was read. Beyond it a window is read page by page; its period
    and the next page are stored with the calls of the page before. A worker holds the row by
    ``lease`` until ``lease_until``, and writes only while both are its own.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("Забирает звонки")
        PAUSED = "paused", _("На паузе")
        WRONG_KEY = "wrong_key", _("Ключ не подходит")

    source = models.OneToOneField(
        CallSource,
        models.CASCADE,
        primary_key=True,
        related_name="pull",
        verbose_name=_("Источник"),
    )
    api_key = SealedTextField(_("Ключ API"))
    state = models.CharField(
        _("Состояние"), max_length=10, choices=State.choices, default=State.ACTIVE
    )
    created_at = models.DateTimeField(_("Создан"), auto_now_add=True)
    #: Earlier calls are never asked for.
    pull_from = models.DateTimeField(_("Звонки начиная с"))
    pulled_until = models.DateTimeField(_("Забрано до"))
    #: When the days of which tags and statuses change late were last read again.
    reread_at = models.DateTimeField(_("Перечитано"), null=True, blank=True)

    window_from = models.DateTimeField(null=True, editable=False)
    window_to = models.DateTimeField(null=True, editable=False)
    is_reread = models.BooleanField(default=False, editable=False)
    page = models.PositiveIntegerField(default=0, editable=False)
    #: Digest of the last page: the same twice means that the page number is ignored.
    page_digest = models.CharField(max_length=64, blank=True, default="", editable=False)

    lease = models.CharField(max_length=32, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(_("Следующий запрос"))
    failures = models.PositiveSmallIntegerField(_("Ошибок подряд"), default=0)

    #: The window that is being read, or was read last.
    run_started_at = models.DateTimeField(_("Начат"), null=True, blank=True)
    run_ended_at = models.DateTimeField(_("Закончен"), null=True, blank=True)
    run_received = models.PositiveIntegerField(_("Записей"), default=0)
    run_created = models.PositiveIntegerField(_("Новых"), default=0)
    run_updated = models.PositiveIntegerField(_("Изменённых"), default=0)
    run_rejected = models.PositiveIntegerField(_("Отклонённых"), default=0)

    #: `calls.callkeeper.errors`; '' after a success.
    error_code = models.CharField(_("Ошибка"), max_length=40, blank=True, default="")
    error_text = models.CharField(_("Ответ CallKeeper"), max_length=300, blank=True, default="")
    error_at = models.DateTimeField(_("Время ошибки"), null=True, blank=True)

    objects = PullSourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("загрузка из CallKeeper")
        verbose_name_plural = _("загрузки из CallKeeper")
        constraints = [
            models.CheckConstraint(
                condition=Q(window_from=None, window_to=None)
                | Q(window_from__isnull=False, window_to__isnull=False),
                name="pull_window_has_both_ends",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "paused", "wrong_key"]), name="pull_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} · {self.state}"
