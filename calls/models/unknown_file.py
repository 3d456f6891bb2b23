"""Files of this installation that stand in Metrika and that the database does not know."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from calls.models.upload import Upload
from calls.states import Channel
from counters.models import Counter


class UnknownFile(models.Model):
    """A file with a marker of ours in one of Metrika's lists, and no upload with that marker.

    Happens when the database was restored to an earlier moment. Recorded once per marker and
    counter by `calls.delivery.listings.examine`: cabinets with the same counter number share its
    list, and a person of each decides for the calls of that cabinet only.
    """

    class State(models.TextChoices):
        """What has become of the file."""

        OPEN = "open", _("Ждёт решения")
        ADOPTED = "adopted", _("Восстановлена как выгрузка")
        RELEASED = "released", _("Звонки отправлены заново")
        KEPT = "kept", _("Звонки не отправляются: они уже в Метрике")

    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="unknown_files", verbose_name=_("Счетчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    marker = models.CharField(_("Метка"), max_length=40)
    uploading_ids = ArrayField(models.BigIntegerField(), verbose_name=_("Номера в Метрике"))
    #: Null when Metrika did not tell.
    rows = models.PositiveIntegerField(_("Строк"), null=True)
    create_time = models.DateTimeField(_("Принята Метрикой"), null=True)
    status = models.CharField(_("Статус Метрики"), max_length=40, blank=True)
    found_at = models.DateTimeField(_("Найдена"))
    state = models.CharField(_("Состояние"), max_length=10, choices=State, default=State.OPEN)
    #: The upload that it was adopted as.
    upload = models.ForeignKey(
        Upload, models.SET_NULL, related_name="+", null=True, verbose_name=_("Выгрузка")
    )

    class Meta:
        verbose_name = _("файл, которого нет в базе")
        verbose_name_plural = _("файлы, которых нет в базе")
        constraints = [
            models.UniqueConstraint(fields=["marker", "counter"], name="unknown_file_once"),
        ]

    def __str__(self) -> str:
        return self.marker
