"""What came in by each way: counts, records that were rejected, requests as they came, mappings."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import CallSource
from cabinets.sealing import SealedTextField
from calls.states import HoldBack


class Way(models.TextChoices):
    """How records came in."""

    API = "api", _("Подписанный запрос")
    WEBHOOK = "webhook", _("Вебхук")
    PULL = "pull", _("Из CallKeeper")
    FILE = "file", _("Файл в кабинете")
    COMMAND = "command", _("Команда import_calls")
    REPLAY = "replay", _("Повторное чтение")
    TEST = "test", _("Пробный звонок")


class Intake(models.Model):
    """Counts of the records of one request, or of those of one hour (`calls.ways.retention`).

    Written in the transaction that stores the calls. A repeat of a request whose answer is stored
    (`webhook-id`) is not read, and not counted.
    """

    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="intakes",
        db_index=False,
        verbose_name=_("Источник"),
    )
    way = models.CharField(_("Способ"), max_length=16, choices=Way)
    at = models.DateTimeField(_("Когда"))
    received = models.PositiveIntegerField(_("Получено"))
    created = models.PositiveIntegerField(_("Новых"))
    updated = models.PositiveIntegerField(_("Изменено"))
    duplicate = models.PositiveIntegerField(_("Уже были"))
    rejected = models.PositiveIntegerField(_("Отклонено"))
    is_hour = models.BooleanField(_("За час"), default=False)

    class Meta:
        verbose_name = _("приём записей")
        verbose_name_plural = _("приём записей")
        constraints = [
            models.CheckConstraint(
                condition=Q(received=F("created") + F("updated") + F("duplicate") + F("rejected")),
                name="intake_adds_up",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "at"], name="intake_by_source"),
            models.Index(fields=["at"], condition=Q(is_hour=False), name="intake_of_requests"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} · {self.way} · {self.at:%Y-%m-%d %H:%M}"


class RejectedRecord(models.Model):
    """A record that could not become a call, sealed, with the reason; the same record once."""

    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="rejected_records",
        db_index=False,
        verbose_name=_("Источник"),
    )
    way = models.CharField(_("Способ"), max_length=16, choices=Way)
    #: SHA-256 of the record, hexadecimal.
    digest = models.CharField(_("Отпечаток записи"), max_length=64)
    first_at = models.DateTimeField(_("Впервые"))
    last_at = models.DateTimeField(_("В последний раз"))
    times = models.PositiveIntegerField(_("Сколько раз"), default=1)
    code = models.CharField(_("Код причины"), max_length=40)
    field = models.CharField(_("Поле"), max_length=100, blank=True)
    message = models.TextField(_("Причина"))
    external_id = models.CharField(_("Номер в CallKeeper"), max_length=255, blank=True)
    #: JSON of the record as it came; '' when it was longer than is kept.
    raw = SealedTextField(_("Как пришла"), blank=True)
    #: What the calls of its request were held back for (`calls.states.HoldBack`); a call that a
    #: replay makes of it is held back as well.
    hold_back = models.PositiveSmallIntegerField(
        _("Сам не отправляется"), choices=HoldBack, null=True, blank=True
    )
    #: When it was read again with success; until then it waits for a mended mapping or setting.
    replayed_at = models.DateTimeField(_("Прочитана"), null=True, blank=True)

    class Meta:
        verbose_name = _("отклонённая запись")
        verbose_name_plural = _("отклонённые записи")
        constraints = [
            models.UniqueConstraint(fields=["source", "digest"], name="rejected_once"),
        ]
        indexes = [
            models.Index(fields=["source", "-last_at"], name="rejected_by_source"),
            models.Index(fields=["last_at"], name="rejected_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.code}"


class ReceivedRequest(models.Model):
    """A request to a secret address as it came, sealed; the last ones of a source are kept."""

    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="received_requests",
        db_index=False,
        verbose_name=_("Источник"),
    )
    at = models.DateTimeField(_("Когда"))
    method = models.CharField(_("Метод"), max_length=8)
    content_type = models.CharField(_("Тип тела (Content-Type)"), max_length=100, blank=True)
    #: JSON of the first record, before it was mapped.
    record = SealedTextField(_("Первая запись"), blank=True)
    records = models.PositiveIntegerField(_("Записей"))
    accepted = models.PositiveIntegerField(_("Принято"))
    #: The code of the refusal, or of the first rejected record; '' when all were accepted.
    code = models.CharField(_("Код причины"), max_length=40, blank=True)
    message = models.TextField(_("Причина"), blank=True)

    class Meta:
        verbose_name = _("запрос на секретный адрес")
        verbose_name_plural = _("запросы на секретные адреса")
        indexes = [
            models.Index(fields=["source", "-at"], name="received_by_source"),
            models.Index(fields=["at"], name="received_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} · {self.at:%Y-%m-%d %H:%M:%S}"


class SourceMapping(models.Model):
    """Which of the sender's fields become which of ours; saved by a person."""

    source = models.OneToOneField(
        CallSource, models.CASCADE, related_name="mapping", verbose_name=_("Источник")
    )
    #: Our field → the path of the sender's.
    fields = models.JSONField(_("Поля"))
    #: Name of the ready mapping it began with; '' for none.
    preset = models.CharField(_("Готовое соответствие"), max_length=40, blank=True)
    version = models.PositiveIntegerField(_("Версия"), default=1)
    saved_at = models.DateTimeField(_("Сохранено"))
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кто"),
    )

    class Meta:
        verbose_name = _("соответствие полей")
        verbose_name_plural = _("соответствия полей")

    def __str__(self) -> str:
        return f"{self.source_id} · {self.version}"
