"""What a database that was restored to an earlier moment learns from outside of itself."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from calls.call_key import KEY_DIGITS
from calls.models.upload import Upload
from calls.states import Channel
from counters.models import Counter


class SentBefore(models.Model):
    """A row of a taken-over upload that no delivery is attached to yet.

    Its call is not in the database (the sender has to repeat it), or its delivery is in another
    upload. Deleted as soon as the delivery is attached; see `calls.decision.sent_before`.
    """

    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="+", verbose_name=_("Счетчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    #: The key of the call: `calls.call_key`.
    call_key = models.CharField(_("Ключ звонка"), max_length=KEY_DIGITS)
    #: Revision of the call whose values were sent.
    call_revision = models.PositiveIntegerField(_("Версия звонка"))
    upload = models.ForeignKey(
        Upload, models.CASCADE, related_name="sent_before", verbose_name=_("Выгрузка")
    )
    row_number = models.PositiveIntegerField(_("Строка"))
    #: The other upload that has the delivery; it is never sent while this is set.
    held_by = models.ForeignKey(
        Upload, models.CASCADE, related_name="+", null=True, verbose_name=_("В другой выгрузке")
    )

    class Meta:
        verbose_name = _("отправленная строка без звонка")
        verbose_name_plural = _("отправленные строки без звонков")
        indexes = [models.Index(fields=["call_key"], name="sent_before_by_key")]
        constraints = [
            models.UniqueConstraint(fields=["upload", "row_number"], name="sent_before_once"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} · {self.row_number}"


class RestoreRun(models.Model):
    """One run of `manage.py after_restore`, from its first step to the release of sending.

    A run that was killed is continued by the next start of the command.
    """

    started_at = models.DateTimeField(_("Начата"))
    #: Why nothing was sent: a state of `integrations.installation.guard`.
    cause = models.CharField(_("Причина"), max_length=16)
    #: When the last upload was sent, as the mark outside the database says; else the start.
    mark_at = models.DateTimeField(_("Последняя отправка"))
    #: Epoch of that mark: a run goes on only for the restore that it was begun for.
    mark_epoch = models.BigIntegerField(_("Эпоха метки"), null=True)
    sequences_at = models.DateTimeField(_("Номера сдвинуты"), null=True)
    uploads_at = models.DateTimeField(_("Выгрузки поставлены на проверку"), null=True)
    #: Lists that began to be read before this moment do not count.
    listing_at = models.DateTimeField(_("Списки читаются с"), null=True)
    finished_at = models.DateTimeField(_("Отправка разрешена"), null=True)
    #: Uploads that may have been sent after the dump, to be looked up.
    doubted_ids = ArrayField(models.BigIntegerField(), verbose_name=_("Под вопросом"), default=list)
    #: The closing table: name → number.
    numbers = models.JSONField(_("Итог"), default=dict)

    class Meta:
        verbose_name = _("восстановление базы")
        verbose_name_plural = _("восстановления базы")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
