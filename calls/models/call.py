"""Calls: the record as received, and the values parsed from it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet, CallSource
from calls.call_key import call_key_sql
from calls.masking import masked_value
from calls.models.querysets import CallKeyQuerySet
from calls.states import CallKind, HoldBack


class CallKey(models.Model):
    """External id → call, kept for ever. Narrow and not partitioned: it detects duplicates."""

    # Without an index of its own: call_once_per_cabinet begins with it.
    cabinet = models.ForeignKey(
        Cabinet, models.PROTECT, related_name="+", db_index=False, verbose_name=_("Кабинет")
    )
    external_id = models.CharField(_("Номер звонка"), max_length=128)
    #: Month in which the call is stored: its start as first received; corrections do not move it.
    partition_at = models.DateTimeField(_("Хранится в месяце"))

    objects = CallKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("ключ звонка")
        verbose_name_plural = _("ключи звонков")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet", "external_id"], name="call_once_per_cabinet"
            ),
        ]
        indexes = [models.Index(RawSQL(call_key_sql(), []), name="call_by_key")]

    def __str__(self) -> str:
        return f"{self.pk} · {masked_value(self.external_id)}"


class Call(models.Model):
    """One call: its record as received (`raw`) and the values parsed from it."""

    class Status(models.TextChoices):
        SUCCESS = "success", _("Успешный")
        FAIL = "fail", _("Неуспешный")

    id = models.BigIntegerField(_("Номер в CallKeeper"), primary_key=True)  # given by CallKey
    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="calls",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    source = models.ForeignKey(
        CallSource,
        models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("Источник"),
    )
    partition_at = models.DateTimeField(editable=False)
    external_id = models.CharField(_("Номер звонка"), max_length=128)
    service_type = models.CharField(_("Сервис"), max_length=32)
    kind = models.CharField(_("Тип"), max_length=16, choices=CallKind)
    phone = models.CharField(_("Телефон"), max_length=20, blank=True)
    #: The phone as it came, when that is no valid number; it is shown and never sent.
    phone_text = models.CharField(
        _("Телефон, как пришёл"), max_length=64, blank=True, default="", db_default=""
    )
    started_at = models.DateTimeField(_("Начало"))
    duration_seconds = models.PositiveIntegerField(_("Разговор, с"), default=0)
    hold_seconds = models.PositiveIntegerField(_("Ожидание, с"), null=True)
    status = models.CharField(_("Итог"), max_length=16, choices=Status, blank=True)
    status_first = models.IntegerField(_("Код 1"), null=True)
    status_second = models.IntegerField(_("Код 2"), null=True)
    is_finished = models.BooleanField(_("Завершён"))
    is_test = models.BooleanField(_("Проверочный"), default=False)
    is_technical = models.BooleanField(_("Техническая отмена"), default=False)
    is_unique = models.BooleanField(_("Уникальный"), default=False)
    is_target = models.BooleanField(_("Целевой"), default=False)
    is_unique_target = models.BooleanField(_("Уникально-целевой"), default=False)
    site = models.CharField(_("Сайт"), max_length=255, blank=True)
    site_host = models.CharField(_("Сайт, приведённый"), max_length=255, blank=True)
    campaign_id = models.CharField(_("Номер кампании"), max_length=64, blank=True)
    campaign_name = models.CharField(_("Кампания"), max_length=255, blank=True)
    client_id = models.CharField(_("ClientID"), max_length=32, blank=True)
    yclid = models.CharField(_("Yclid"), max_length=32, blank=True)
    user_id = models.CharField(_("UserID"), max_length=255, blank=True)
    #: Identifier ("ClientId", "Yclid", "UserId") → the text that came and could not be read.
    unreadable_identifiers = models.JSONField(_("Нечитаемые идентификаторы"), null=True, blank=True)
    page_url = models.TextField(_("Страница"), blank=True)
    tags = ArrayField(models.TextField(), verbose_name=_("Теги"), default=list)
    callback_id = models.BigIntegerField(_("Номер попытки"), null=True)
    attempt = models.PositiveIntegerField(_("Попытка"), null=True)
    #: The lowest id among the attempts of one callback order; the same for all of them.
    order_key = models.BigIntegerField(_("Заказ"), null=True)
    raw = models.JSONField(_("Как пришёл"))
    content_hash = models.CharField(_("Отпечаток записи"), max_length=64)
    revision = models.PositiveIntegerField(_("Версия"), default=1)
    received_at = models.DateTimeField(_("Получен"))
    updated_at = models.DateTimeField(_("Изменён"))
    #: When another call came under the same id, and its start and phone; it was rejected.
    conflict_at = models.DateTimeField(_("Номер у другого звонка"), null=True, blank=True)
    conflict = models.JSONField(_("Другой звонок с этим номером"), null=True, blank=True)
    #: Why it is not sent by itself (`HoldBack`); None for a call that is sent as decided.
    hold_back = models.SmallIntegerField(
        _("Сам не отправляется"), choices=HoldBack, null=True, blank=True
    )

    class Meta:
        managed = True
        verbose_name = _("звонок")
        verbose_name_plural = _("звонки")
        permissions = [("view_personal_data", "Can see whole phones and raw records")]

    def __str__(self) -> str:
        return f"{self.pk} · {masked_value(self.external_id)}"

    @property
    def kind_text(self) -> str:
        """The kind in words, for lists, and how the call is held back if it is."""
        kind = str(self.get_kind_display())
        if self.hold_back is None:
            return kind
        return f"{kind}, {str(HoldBack(self.hold_back).label).lower()}"


class IngestReceipt(models.Model):
    """The response to one `webhook-id`; a repeat of the request gets the same response."""

    # Without an index of its own: receipt_once begins with it.
    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="receipts",
        db_index=False,
        verbose_name=_("Источник"),
    )
    webhook_id = models.CharField(_("Номер запроса"), max_length=255)
    body_hash = models.CharField(_("Отпечаток запроса"), max_length=64)
    answer = models.JSONField(_("Ответ"))
    received_at = models.DateTimeField(_("Получено"))

    class Meta:
        verbose_name = _("квитанция приёма")
        verbose_name_plural = _("квитанции приёма")
        constraints = [
            models.UniqueConstraint(fields=["source", "webhook_id"], name="receipt_once"),
        ]
        indexes = [models.Index(fields=["received_at"], name="receipt_by_age")]

    def __str__(self) -> str:
        return self.webhook_id
