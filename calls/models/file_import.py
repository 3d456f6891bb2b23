"""Files that a person uploaded into a source: the bytes, how they are read, what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import CallSource
from cabinets.sealing import SealedTextField


class ImportState(models.TextChoices):
    """The state of an import; `calls.ways.imports.claims` and `orders` move it."""

    UPLOADING = "uploading", _("Файл загружается")
    UPLOADED = "uploaded", _("Ждёт проверки")
    CHECKING = "checking", _("Проверяется")
    CHECKED = "checked", _("Проверен: ждёт вашего решения")
    STORING = "storing", _("Звонки сохраняются")
    DONE = "done", _("Готово")
    CANCELLED = "cancelled", _("Отменён")
    FAILED = "failed", _("Файл не прочитан")


#: A worker takes it further.
WORKED = (ImportState.UPLOADED, ImportState.CHECKING, ImportState.STORING)
#: Not at its end, so that its file is needed.
OPEN = (ImportState.UPLOADING, *WORKED, ImportState.CHECKED)
_CHECKED_ROWS = F("valid") + F("invalid")
_STORED_ROWS = F("created") + F("updated") + F("duplicate") + F("rejected")


class FileImportQuerySet(models.QuerySet["FileImport"]):
    """The queries of `FileImport.objects`."""

    def due(self, now: datetime) -> Self:
        """Those that wait for a worker and are held by none."""
        is_free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.filter(is_free, state__in=WORKED)

    def held(self, now: datetime) -> Self:
        """Those that a worker reads at the moment."""
        return self.filter(lease_until__gt=now, state__in=WORKED)

    def open(self) -> Self:
        """Those that are not at their end."""
        return self.filter(state__in=OPEN)


class FileImport(models.Model):
    """One uploaded file.

    A worker holds the row by ``lease`` until ``lease_until`` and writes only while it is its own;
    a person's order takes it away. ``valid + invalid`` rows were checked, and
    ``created + updated + duplicate + rejected`` stored: that is the position after a kill.
    """

    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="file_imports",
        db_index=False,
        verbose_name=_("Источник"),
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кто"),
    )
    name = models.CharField(_("Имя файла"), max_length=255)
    size = models.BigIntegerField(_("Размер, байт"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    has_file = models.BooleanField(_("Файл хранится"), default=True)
    state = models.CharField(
        _("Состояние"), max_length=10, choices=ImportState, default=ImportState.UPLOADING
    )
    #: Code of the reason and the sentence, when the file cannot be read.
    error_code = models.CharField(_("Код причины"), max_length=40, blank=True)
    error_text = models.TextField(_("Причина"), blank=True)

    #: What the file was taken for, and what a person chose instead; "" leaves it to the reader.
    kind = models.CharField(_("Вид файла"), max_length=10, blank=True)
    sheet = models.CharField(_("Лист"), max_length=255, blank=True)
    encoding = models.CharField(_("Кодировка"), max_length=20, blank=True)
    delimiter = models.CharField(_("Разделитель"), max_length=4, blank=True)
    sheets = models.JSONField(_("Листы"), default=list)
    header = models.JSONField(_("Столбцы"), default=list)
    #: Our field → column; None: not chosen, guessed when the file is first read.
    mapping = models.JSONField(_("Соответствие"), null=True, blank=True)
    preset = models.CharField(_("Готовое соответствие"), max_length=40, blank=True)
    #: JSON of the first rows as they came.
    preview = SealedTextField(_("Первые строки"), blank=True)

    #: None until it is known.
    rows_total = models.PositiveIntegerField(_("Строк"), null=True, blank=True)
    valid = models.PositiveIntegerField(_("Годных"), default=0)
    invalid = models.PositiveIntegerField(_("С ошибкой"), default=0)
    too_old = models.PositiveIntegerField(_("Старше 21 дня"), default=0)
    #: Rows that were tried against the decision rules, and what would become of them.
    tried = models.PositiveIntegerField(_("Опробовано"), default=0)
    plan = models.JSONField(_("Что куда уйдёт"), default=dict)
    is_sent = models.BooleanField(_("С отправкой"), null=True, blank=True)
    created = models.PositiveIntegerField(_("Новых"), default=0)
    updated = models.PositiveIntegerField(_("Изменено"), default=0)
    duplicate = models.PositiveIntegerField(_("Уже были"), default=0)
    rejected = models.PositiveIntegerField(_("Отклонено"), default=0)

    lease = models.CharField(max_length=32, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    #: The import that was worked on longest ago is next.
    turn_at = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("Ошибок подряд"), default=0)
    created_at = models.DateTimeField(_("Загружен"))
    started_at = models.DateTimeField(_("Сохранение начато"), null=True, blank=True)
    finished_at = models.DateTimeField(_("Закончен"), null=True, blank=True)

    objects = FileImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("файл со звонками")
        verbose_name_plural = _("файлы со звонками")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="import_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=ImportState.DONE) | Q(rows_total=_STORED_ROWS),
                name="import_done_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(state=ImportState.CHECKED) | Q(rows_total=_CHECKED_ROWS),
                name="import_checked_adds_up",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "-created_at"], name="import_by_source"),
            models.Index(fields=["created_at"], name="import_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.state}"

    @property
    def checked(self) -> int:
        """Rows that were checked."""
        return self.valid + self.invalid

    @property
    def stored(self) -> int:
        """Rows whose outcome is stored."""
        return self.created + self.updated + self.duplicate + self.rejected

    @property
    def is_worked(self) -> bool:
        """Whether a worker takes it further."""
        return self.state in WORKED

    @property
    def is_open(self) -> bool:
        """Whether it is not at its end."""
        return self.state in OPEN


class FilePiece(models.Model):
    """A part of the bytes, from 0; written while the file comes in."""

    file_import = models.ForeignKey(
        FileImport,
        models.CASCADE,
        related_name="pieces",
        db_index=False,
        verbose_name=_("Файл со звонками"),
    )
    number = models.PositiveIntegerField(_("Номер части"))
    data = models.BinaryField(_("Байты"))

    class Meta:
        verbose_name = _("часть файла со звонками")
        verbose_name_plural = _("части файлов со звонками")
        constraints = [
            models.UniqueConstraint(fields=["file_import", "number"], name="file_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.file_import_id} · {self.number}"


class FileError(models.Model):
    """Why a row of the file cannot become a call."""

    file_import = models.ForeignKey(
        FileImport,
        models.CASCADE,
        related_name="errors",
        db_index=False,
        verbose_name=_("Файл со звонками"),
    )
    row = models.PositiveIntegerField(_("Строка"))
    code = models.CharField(_("Код причины"), max_length=40)
    field = models.CharField(_("Поле"), max_length=100, blank=True)
    message = models.TextField(_("Причина"))

    class Meta:
        verbose_name = _("строка с ошибкой")
        verbose_name_plural = _("строки с ошибками")
        constraints = [
            models.UniqueConstraint(fields=["file_import", "row"], name="file_error_once"),
        ]

    def __str__(self) -> str:
        return f"{self.file_import_id} · {self.row}"
