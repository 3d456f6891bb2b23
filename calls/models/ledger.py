"""What people keep of the ledger of a cabinet: filters under a name, and files they ordered."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet


class SavedFilter(models.Model):
    """Filters of the ledger that a person keeps under a name in one cabinet; nobody else's."""

    # Without an index of its own: saved_filter_once begins with it.
    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="+", db_index=False, verbose_name=_("Кабинет")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("Кто")
    )
    name = models.CharField(_("Название"), max_length=60)
    #: Parameter of the address → value: see `calls.pages.ledger_form.LedgerForm`.
    parameters = models.JSONField(_("Условия"), editable=False)
    created_at = models.DateTimeField(_("Сохранён"))

    class Meta:
        verbose_name = _("сохранённый отбор")
        verbose_name_plural = _("сохранённые отборы")
        constraints = [
            models.UniqueConstraint(fields=["cabinet", "user", "name"], name="saved_filter_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ExportState(models.TextChoices):
    """The state of an export; `calls.pages.ledger_export.job` moves it."""

    WORKING = "working", _("Файл готовится")
    DONE = "done", _("Файл готов")
    FAILED = "failed", _("Файл не собран")
    CANCELLED = "cancelled", _("Отменён")


class LedgerExportQuerySet(models.QuerySet["LedgerExport"]):
    """The queries of `LedgerExport.objects`."""

    def working(self) -> Self:
        """Those that a worker takes further."""
        return self.filter(state=ExportState.WORKING)


class LedgerExport(models.Model):
    """The rows of the ledger that a person ordered as a file, and how far they are read.

    The rows are in pieces, as values: whoever downloads them chooses the kind of file. ``place`` is
    the cursor of the last call that was read; it is stored with the piece of its rows.
    """

    # Without an index of its own: ledger_export_by_cabinet begins with it.
    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="+", db_index=False, verbose_name=_("Кабинет")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("Кем заказан")
    )
    requested_at = models.DateTimeField(_("Заказан"))
    #: `CallFilters` by field; a search is kept as the calls that it found.
    filters = models.JSONField(_("Условия"), editable=False)
    zone = models.CharField(_("Часовой пояс"), max_length=64)
    language = models.CharField(_("Язык"), max_length=8)
    #: Whether personal data is whole: the person was allowed to see it.
    is_whole = models.BooleanField(_("Телефоны целиком"))
    state = models.CharField(
        _("Состояние"), max_length=10, choices=ExportState, default=ExportState.WORKING
    )
    place = models.CharField(max_length=48, blank=True, default="", editable=False)
    #: The latest and the earliest call that can be looked through; null until that is known.
    newest_at = models.DateTimeField(null=True, editable=False)
    oldest_at = models.DateTimeField(null=True, editable=False)
    rows = models.PositiveIntegerField(_("Строк"), default=0)
    #: Whether there are more rows than a file may have.
    is_cut = models.BooleanField(_("Не все строки"), default=False)
    failures = models.PositiveSmallIntegerField(_("Ошибок подряд"), default=0)
    finished_at = models.DateTimeField(_("Готов"), null=True)

    objects = LedgerExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("выгрузка звонков в файл")
        verbose_name_plural = _("выгрузки звонков в файл")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet"],
                condition=Q(state=ExportState.WORKING),
                name="ledger_export_one_open",
            ),
        ]
        indexes = [
            models.Index(fields=["cabinet", "-requested_at"], name="ledger_export_by_cabinet"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.state}"


class LedgerExportPiece(models.Model):
    """Some rows of an export: compressed JSON, from the newest call to the oldest."""

    export = models.ForeignKey(
        LedgerExport,
        models.CASCADE,
        related_name="pieces",
        db_index=False,
        verbose_name=_("Выгрузка звонков в файл"),
    )
    number = models.PositiveIntegerField(_("Номер части"))
    data = models.BinaryField(_("Строки"))

    class Meta:
        verbose_name = _("часть выгрузки звонков")
        verbose_name_plural = _("части выгрузок звонков")
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="ledger_export_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.export_id} · {self.number}"
