"""Calls, the ledger of deliveries, uploads and their tries.

`Call` and `Delivery` are partitioned by month in the database (see the first migration). Django
believes in their `id`; the database's own keys carry the partition column as well. Foreign keys
from and to partitioned tables are not declared in the database: dropping a month stays one
statement, and a claim of 100,000 rows checks no references.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet, CallSource
from calls.states import Attention, CallKind, Channel, DeliveryState, IdKind, UploadState
from counters.models import Counter


class CallKey(models.Model):
    """External id → call, for ever. Narrow and not partitioned: it decides what is a duplicate."""

    cabinet = models.ForeignKey(Cabinet, models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=128)
    #: Month the call was filed under: its start as first received, whatever is corrected later.
    partition_at = models.DateTimeField()

    class Meta:
        verbose_name = _("ключ звонка")
        verbose_name_plural = _("ключи звонков")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet", "external_id"], name="call_once_per_cabinet"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class Call(models.Model):
    """One call, its record as it came, and what was read out of it."""

    class Status(models.TextChoices):
        SUCCESS = "success", _("Успешный")
        FAIL = "fail", _("Неуспешный")

    id = models.BigIntegerField(primary_key=True)  # given by CallKey
    cabinet = models.ForeignKey(
        Cabinet, models.DO_NOTHING, related_name="calls", db_constraint=False, db_index=False
    )
    source = models.ForeignKey(
        CallSource,
        models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    partition_at = models.DateTimeField(editable=False)
    external_id = models.CharField(_("Номер звонка"), max_length=128)
    service_type = models.CharField(_("Сервис"), max_length=32)
    kind = models.CharField(_("Тип"), max_length=16, choices=CallKind)
    phone = models.CharField(_("Телефон"), max_length=20, blank=True)
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
    site_host = models.CharField(max_length=255, blank=True)
    campaign_id = models.CharField(_("Номер кампании"), max_length=64, blank=True)
    campaign_name = models.CharField(_("Кампания"), max_length=255, blank=True)
    client_id = models.CharField(_("ClientID"), max_length=32, blank=True)
    yclid = models.CharField(max_length=32, blank=True)
    user_id = models.CharField(_("UserID"), max_length=255, blank=True)
    page_url = models.TextField(_("Страница"), blank=True)
    tags = ArrayField(models.TextField(), verbose_name=_("Теги"), default=list)
    callback_id = models.BigIntegerField(_("Номер попытки"), null=True)
    attempt = models.PositiveIntegerField(_("Попытка"), null=True)
    #: Least id among the attempts of one callback order: the same for all of them.
    order_key = models.BigIntegerField(_("Заказ"), null=True)
    raw = models.JSONField(_("Как пришёл"))
    content_hash = models.CharField(max_length=64)
    revision = models.PositiveIntegerField(_("Версия"), default=1)
    received_at = models.DateTimeField(_("Получен"))
    updated_at = models.DateTimeField(_("Изменён"))

    class Meta:
        managed = True
        verbose_name = _("звонок")
        verbose_name_plural = _("звонки")

    def __str__(self) -> str:
        return self.external_id


class Upload(models.Model):
    """One CSV for one counter and channel. Its rows and bytes never change once it exists.

    Recording Metrika's answer is one update of this row: the calls' states are read from it.
    """

    cabinet = models.ForeignKey(Cabinet, models.PROTECT, related_name="uploads")
    counter = models.ForeignKey(
        Counter, models.PROTECT, related_name="uploads", verbose_name=_("Счётчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    id_kind = models.PositiveSmallIntegerField(_("Идентификатор"), choices=IdKind)
    is_static = models.BooleanField(_("Статические"), default=False)
    target = models.CharField(_("Цель"), max_length=255, blank=True)
    state = models.CharField(
        _("Состояние"), max_length=20, choices=UploadState, default=UploadState.READY
    )
    attention = models.CharField(_("Причина"), max_length=20, choices=Attention, blank=True)
    marker = models.CharField(_("Метка"), max_length=40, unique=True)
    rows = models.PositiveIntegerField(_("Строк"))
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("Собрана"))
    oldest_call_at = models.DateTimeField(_("Самый ранний звонок"))
    newest_call_at = models.DateTimeField(_("Самый поздний звонок"))
    not_before = models.DateTimeField(_("Не раньше"))
    attempts = models.PositiveIntegerField(_("Попыток"), default=0)
    #: While sending: until when its worker is believed alive.
    lease_until = models.DateTimeField(null=True, editable=False)
    sent_at = models.DateTimeField(_("Отправлена"), null=True)
    lookups = models.PositiveSmallIntegerField(_("Поисков"), default=0)
    looked_up_at = models.DateTimeField(_("Последний поиск"), null=True)
    uploading_id = models.BigIntegerField(_("Номер в Метрике"), null=True)
    metrika_status = models.CharField(_("Статус Метрики"), max_length=40, blank=True)
    source_quantity = models.PositiveIntegerField(_("Строк получено"), null=True)
    line_quantity = models.PositiveIntegerField(_("Строк принято"), null=True)
    static_quantity = models.PositiveIntegerField(_("Статических"), null=True)
    dynamic_quantity = models.PositiveIntegerField(_("Динамических"), null=True)
    linked_quantity = models.PositiveIntegerField(_("Привязано"), null=True)
    user_not_found_quantity = models.PositiveIntegerField(_("Визит не найден"), null=True)
    duplicate_ids = ArrayField(models.BigIntegerField(), verbose_name=_("Двойники"), default=list)
    accepted_at = models.DateTimeField(_("Принята Метрикой"), null=True)
    polls = models.PositiveSmallIntegerField(_("Опросов"), default=0)
    next_poll_at = models.DateTimeField(_("Следующий опрос"), null=True)
    settled_at = models.DateTimeField(_("Итог получен"), null=True)

    class Meta:
        verbose_name = _("выгрузка")
        verbose_name_plural = _("выгрузки")
        indexes = [
            # uploading.due
            models.Index(
                fields=["not_before"],
                condition=models.Q(state__in=["ready", "later"]),
                name="upload_due",
            ),
            # recovery.release_stuck, lookup.due
            models.Index(
                fields=["state", "lease_until"],
                condition=models.Q(state__in=["sending", "unclear"]),
                name="upload_uncertain",
            ),
            # polling.due
            models.Index(
                fields=["next_poll_at"], condition=models.Q(state="sent"), name="upload_to_poll"
            ),
            # overview: what a counter sent, by day
            models.Index(fields=["counter", "-created_at"], name="upload_by_counter"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state__in=["sent", "processed", "linkage_failure"])
                | models.Q(uploading_id__isnull=False),
                name="upload_sent_has_uploading_id",
            ),
            models.CheckConstraint(condition=models.Q(rows__gt=0), name="upload_not_empty"),
            models.CheckConstraint(
                condition=~models.Q(state="needs_attention") | ~models.Q(attention=""),
                name="upload_attention_has_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sending") | models.Q(lease_until__isnull=False),
                name="upload_sending_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return self.marker


class UploadFile(models.Model):
    """The frozen bytes of an upload, apart from it so that lists stay light."""

    upload = models.OneToOneField(Upload, models.CASCADE, primary_key=True, related_name="file")
    body = models.BinaryField()

    class Meta:
        verbose_name = _("файл выгрузки")
        verbose_name_plural = _("файлы выгрузок")

    def __str__(self) -> str:
        return str(self.upload_id)


class UploadAttempt(models.Model):
    """One try or one lookup of an upload: evidence, never changed once it has ended."""

    class Kind(models.TextChoices):
        SEND = "send", _("Отправка")
        LOOKUP = "lookup", _("Поиск")

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField(_("Попытка"))
    kind = models.CharField(_("Действие"), max_length=8, choices=Kind, default=Kind.SEND)
    started_at = models.DateTimeField(_("Начало"))
    ended_at = models.DateTimeField(_("Конец"), null=True)
    http_status = models.PositiveSmallIntegerField(_("Код HTTP"), null=True)
    error_class = models.CharField(_("Ошибка"), max_length=64, blank=True)
    error_type = models.CharField(_("Ошибка Метрики"), max_length=64, blank=True)
    excerpt = models.CharField(_("Ответ"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("попытка")
        verbose_name_plural = _("попытки")
        constraints = [
            models.UniqueConstraint(fields=["upload", "kind", "number"], name="attempt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} #{self.number}"


class Delivery(models.Model):
    """The ledger: call × counter × channel, what was decided, and the upload and row it went in.

    The values as sent are row `row_number` of the upload's frozen bytes.
    """

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(
        Call, models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    partition_at = models.DateTimeField(editable=False)
    cabinet = models.ForeignKey(
        Cabinet, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    counter = models.ForeignKey(
        Counter,
        models.DO_NOTHING,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Счётчик"),
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    state = models.PositiveSmallIntegerField(_("Состояние"), choices=DeliveryState)
    reason = models.CharField(_("Причина"), max_length=32, null=True, blank=True)  # noqa: DJ001
    id_kind = models.PositiveSmallIntegerField(_("Идентификатор"), choices=IdKind, null=True)
    is_static = models.BooleanField(_("Статический"), default=False)
    decided_at = models.DateTimeField(_("Решено"))
    not_before = models.DateTimeField(_("Не раньше"), null=True)
    #: The call's start plus Metrika's 21 days: later it cannot be linked to a visit.
    expires_at = models.DateTimeField(_("Привязывается до"))
    upload = models.ForeignKey(
        Upload,
        models.DO_NOTHING,
        related_name="deliveries",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("Выгрузка"),
    )
    row_number = models.PositiveIntegerField(_("Строка"), null=True)
    #: Revision of the call whose values were frozen; behind the call's = changed after sending.
    call_revision = models.PositiveIntegerField(_("Версия звонка"), null=True)

    class Meta:
        verbose_name = _("отправка")
        verbose_name_plural = _("отправки")

    def __str__(self) -> str:
        return f"{self.call_id} → {self.counter_id} · {self.get_channel_display()}"


class IngestReceipt(models.Model):
    """The answer given to one `webhook-id`; a repeat of the request gets the same answer."""

    source = models.ForeignKey(CallSource, models.CASCADE, related_name="receipts")
    webhook_id = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    answer = models.JSONField()
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
