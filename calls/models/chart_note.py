"""Notes that are to be written on Metrika's charts."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from counters.models import Counter


class NoteState(models.TextChoices):
    """How far a note is."""

    WAITING = "waiting", _("Ждёт записи")
    WRITTEN = "written", _("Записано")
    FAILED = "failed", _("Не записано")


class ChartNote(models.Model):
    """One note: an event of the audit trail that people should see on Metrika's charts.

    The row is the queue. Its marker stands at the end of the note's text; after an answer that was
    lost the note is looked for by it before it is written again.
    """

    class Kind(models.TextChoices):
        SETTINGS = "settings", _("Изменены настройки")
        STOOD = "stood", _("Отправка стояла")

    # Without an index of its own: chart_note_once begins with it.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="chart_notes_queue",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    #: The event of the audit trail that it is about.
    event_id = models.BigIntegerField(_("Событие"))
    kind = models.CharField(_("Вид"), max_length=12, choices=Kind)
    starts_at = models.DateTimeField(_("Начало"))
    ends_at = models.DateTimeField(_("Конец"), null=True)
    #: Names of the changed settings.
    changed = models.JSONField(_("Изменено"), default=list)
    marker = models.UUIDField(_("Метка"), default=uuid.uuid4)
    state = models.CharField(
        _("Состояние"), max_length=12, choices=NoteState, default=NoteState.WAITING
    )
    #: It may have been written: set before each attempt, so also after a worker died.
    is_unclear = models.BooleanField(_("Возможно, записано"), default=False)
    attempts = models.PositiveSmallIntegerField(_("Попыток"), default=0)
    next_at = models.DateTimeField(_("Следующая попытка"))
    error = models.CharField(_("Ошибка"), max_length=32, blank=True, default="")
    annotation_id = models.BigIntegerField(_("Номер в Метрике"), null=True)
    written_at = models.DateTimeField(_("Записано в"), null=True)

    class Meta:
        verbose_name = _("примечание на графиках")
        verbose_name_plural = _("примечания на графиках")
        constraints = [
            models.UniqueConstraint(fields=["counter", "event_id"], name="chart_note_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=models.Q(state="waiting"), name="chart_note_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} {self.get_kind_display()}"
