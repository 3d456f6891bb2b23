"""Actions on everything that a filter of a counter's history shows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.states import Channel
from counters.models import Counter


class BulkKind(models.TextChoices):
    """What is done with each row; `calls.bulk.actions` says with which rows, and how."""

    RELEASE = "release", _("Отпустить отложенные")
    CALL_OFF = "call_off", _("Отменить отправку")
    RESTORE = "restore", _("Вернуть отменённые")
    RETRY = "retry", _("Повторить отклонённые")
    SEND = "send", _("Отправить не отправленные")
    #: The opposite of one earlier action, for its rows that nothing else has changed since.
    UNDO_RELEASE = "undo_release", _("Отложить снова")
    UNDO_CALL_OFF = "undo_call_off", _("Вернуть в очередь")


class BulkState(models.TextChoices):
    """The state of an action."""

    RUNNING = "running", _("Выполняется")
    DONE = "done", _("Выполнено")
    STOPPED = "stopped", _("Остановлено")


class BulkAction(models.Model):
    """One order of a person: what to do, with the rows of which filter, and how far it is.

    Its rows are gone through from the newest call to the oldest; the position is stored with the
    changes of each step.
    """

    # Without an index of its own: bulk_once_per_form begins with it.
    cabinet = models.ForeignKey(
        Cabinet,
        models.CASCADE,
        related_name="bulk_actions",
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    # Without an index of its own: bulk_once_at_a_time begins with it.
    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="+", db_index=False, verbose_name=_("Счетчик")
    )
    kind = models.CharField(_("Действие"), max_length=16, choices=BulkKind)
    #: The filter as it was when the action was ordered: `calls.bulk.frozen`.
    filters = models.JSONField(_("Отбор"), default=dict)
    #: Given by the form: a form that is sent twice orders once.
    token = models.UUIDField(editable=False)
    undoes = models.OneToOneField(
        "self",
        models.CASCADE,
        related_name="undone_by",
        null=True,
        blank=True,
        verbose_name=_("Отменяет действие"),
    )
    state = models.CharField(
        _("Состояние"), max_length=8, choices=BulkState, default=BulkState.RUNNING
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кто"),
    )
    #: Different for every action of a counter: it is written into the rows, which tell by it which
    #: action changed them.
    requested_at = models.DateTimeField(_("Заказано"))
    finished_at = models.DateTimeField(_("Закончено"), null=True, blank=True)
    #: Rows of the filter that could be changed when it was ordered, and how many were changed.
    total = models.PositiveIntegerField(_("Отобрано"))
    done = models.PositiveIntegerField(_("Пройдено"), default=0)
    changed = models.PositiveIntegerField(_("Изменено"), default=0)
    #: Calls that came later are not touched.
    last_call = models.BigIntegerField(editable=False)
    #: Key of the last row that was gone through; null before the first.
    reached_at = models.DateTimeField(null=True, editable=False)
    reached_call = models.BigIntegerField(null=True, editable=False)
    reached_channel = models.PositiveSmallIntegerField(null=True, editable=False, choices=Channel)

    class Meta:
        verbose_name = _("массовое действие")
        verbose_name_plural = _("массовые действия")
        constraints = [
            models.UniqueConstraint(fields=["counter", "requested_at"], name="bulk_once_at_a_time"),
            models.UniqueConstraint(fields=["cabinet", "token"], name="bulk_once_per_form"),
            models.CheckConstraint(condition=Q(kind__in=BulkKind.values), name="bulk_kind_known"),
            models.CheckConstraint(
                condition=Q(state=BulkState.RUNNING) | Q(finished_at__isnull=False),
                name="bulk_end_has_time",
            ),
        ]
        indexes = [
            # calls.bulk.run
            models.Index(
                fields=["requested_at"], condition=Q(state="running"), name="bulk_running"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.kind} · {self.state}"

    @property
    def is_running(self) -> bool:
        """Whether a worker takes it further."""
        return self.state == BulkState.RUNNING
