"""What Metrika's logs say of each row of an upload, and the requests by which the logs are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.models.call import Call
from calls.models.upload import Upload
from calls.states import Channel, LinkResult
from counters.models import Counter

#: 99 % of visits are final after it (https://yandex.com/dev/metrika/en/logs/).
FINAL_AFTER = timedelta(days=3)
#: A row is searched for during so many days after Metrika accepted it; then it stays unknown.
SEARCHED_FOR = timedelta(days=7)


class LinkProof(models.Model):
    """One row of an upload that Metrika's logs were searched for, and what was found.

    The row is named by its upload and number: a repeat that a person ordered has no delivery.
    Written by `calls.proof` alone. A later search replaces the result.
    """

    # Without an index of its own: link_proof_once begins with it.
    upload = models.ForeignKey(
        Upload,
        models.DO_NOTHING,
        related_name="proofs",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Выгрузка"),
    )
    row_number = models.PositiveIntegerField(_("Строка"))
    call = models.ForeignKey(
        Call,
        models.DO_NOTHING,
        related_name="proofs",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Звонок"),
    )
    partition_at = models.DateTimeField(editable=False)
    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    # Without an index of its own: link_proof_by_counter begins with it.
    counter = models.ForeignKey(
        Counter,
        models.DO_NOTHING,
        related_name="proofs",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    result = models.PositiveSmallIntegerField(_("Результат"), choices=LinkResult)
    #: Number of the visit; '' unless it is linked.
    visit_id = models.CharField(_("Визит"), max_length=32, blank=True, default="")
    #: The earliest hit of the visit in the logs that were read; null when they had none.
    visit_at = models.DateTimeField(_("Начало визита"), null=True)
    proved_at = models.DateTimeField(_("Проверено"))

    class Meta:
        verbose_name = _("проверка привязки")
        verbose_name_plural = _("проверки привязки")
        constraints = [
            models.UniqueConstraint(fields=["upload", "row_number"], name="link_proof_once"),
        ]
        indexes = [
            models.Index(fields=["counter", "partition_at"], name="link_proof_by_counter"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} #{self.row_number}: {self.get_result_display()}"


class LogState(models.TextChoices):
    """The state of a request for logs; `calls.proof` moves it."""

    ORDERED = "ordered", _("Ждёт очереди")
    POSTING = "posting", _("Заказываем логи у Метрики")
    PREPARING = "preparing", _("Метрика готовит логи")
    READING = "reading", _("Читаем логи")
    MATCHING = "matching", _("Сравниваем с отправленным")
    VISITS = "visits", _("Ищем начала визитов")
    CLEANING = "cleaning", _("Удаляем логи из Метрики")
    DONE = "done", _("Готово")
    FAILED = "failed", _("Не получилось")


#: A worker takes it no further.
ENDED_LOGS = (LogState.DONE, LogState.FAILED)


class LogRequestQuerySet(models.QuerySet["LogRequest"]):
    """The queries of `LogRequest.objects`."""

    def open(self) -> Self:
        """Those that are not at their end."""
        return self.exclude(state__in=ENDED_LOGS)

    def due(self, now: datetime) -> Self:
        """Those that a worker may take further now."""
        is_free = models.Q(lease_until=None) | models.Q(lease_until__lte=now)
        return self.open().filter(is_free, next_at__lte=now)


class LogRequest(models.Model):
    """Some days of a counter's logs, from the order to their removal from Metrika.

    The rows are the queue. ``request_id`` stays until the logs are removed there.
    """

    # Without an index of its own: log_request_by_counter begins with it.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="log_requests",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    #: Days of the counter's time zone, both included.
    date1 = models.DateField(_("Дни с"))
    date2 = models.DateField(_("Дни по"))
    state = models.CharField(
        _("Состояние"), max_length=12, choices=LogState, default=LogState.ORDERED
    )
    #: Null when it was planned for the night.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("Кем заказана"),
    )
    requested_at = models.DateTimeField(_("Заказана"))
    next_at = models.DateTimeField(_("Следующий шаг"))
    lease_until = models.DateTimeField(null=True, editable=False)
    #: Steps that failed one after the other.
    failures = models.PositiveSmallIntegerField(_("Неудач подряд"), default=0)
    #: Why it waits or has failed: a code of `calls.proof.errors`.
    error = models.CharField(_("Причина"), max_length=32, blank=True, default="")
    request_id = models.BigIntegerField(_("Номер в Метрике"), null=True)
    #: When Metrika took the request: rows that were accepted later are not missed in it.
    posted_at = models.DateTimeField(_("Принята Метрикой"), null=True)
    polls = models.PositiveSmallIntegerField(_("Опросов"), default=0)
    size = models.PositiveBigIntegerField(_("Размер, байт"), null=True)
    #: Numbers of the parts as Metrika lists them.
    parts = ArrayField(models.IntegerField(), verbose_name=_("Части"), default=list)
    parts_read = models.PositiveIntegerField(_("Прочитано частей"), default=0)
    hits = models.PositiveBigIntegerField(_("Строк прочитано"), default=0)
    #: Code of a result → rows.
    result = models.JSONField(_("Результат"), default=dict)
    #: What the counter's newest proved rows said then: source and cause → rows, linked ones.
    record = models.JSONField(_("Привязка прежних звонков"), null=True, editable=False)
    finished_at = models.DateTimeField(_("Закончена"), null=True)

    objects = LogRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("запрос логов")
        verbose_name_plural = _("запросы логов")
        indexes = [
            models.Index(fields=["counter", "-id"], name="log_request_by_counter"),
            models.Index(
                fields=["next_at"],
                condition=~models.Q(state__in=["done", "failed"]),
                name="log_request_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["counter", "date1", "date2"],
                condition=~models.Q(state__in=["done", "failed"]),
                name="log_request_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.date1}…{self.date2} · {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether it is not at its end."""
        return self.state not in ENDED_LOGS


class LogHit(models.Model):
    """One hit of the logs under an uploading of ours, until its request is compared."""

    # Without an index of its own: log_hit_once begins with it.
    request = models.ForeignKey(
        LogRequest,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Запрос логов"),
    )
    part = models.IntegerField(_("Часть"))
    line = models.PositiveBigIntegerField(_("Строка"))
    uploading_id = models.BigIntegerField(_("Номер загрузки"))
    #: In the counter's time zone, as Metrika writes it.
    moment = models.CharField(_("Время"), max_length=32)
    client_id = models.CharField("ClientID", max_length=32)
    visit_id = models.CharField(_("Визит"), max_length=32)
    goals = ArrayField(models.BigIntegerField(), verbose_name=_("Цели"), default=list)
    talk = models.PositiveBigIntegerField(_("Разговор, с"), null=True)
    hold = models.PositiveBigIntegerField(_("Ожидание, с"), null=True)

    class Meta:
        verbose_name = _("строка логов")
        verbose_name_plural = _("строки логов")
        constraints = [
            models.UniqueConstraint(fields=["request", "part", "line"], name="log_hit_once"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} · {self.part}:{self.line}"


class LogSentRow(models.Model):
    """One row as it was sent, while the logs of its day are compared."""

    # Without an index of its own: log_sent_row_once begins with it.
    request = models.ForeignKey(
        LogRequest,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Запрос логов"),
    )
    upload = models.ForeignKey(
        Upload,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Выгрузка"),
    )
    row_number = models.PositiveIntegerField(_("Строка"))
    moment = models.CharField(_("Время"), max_length=32)
    #: '' when the identifier is none that the logs have.
    client_id = models.CharField("ClientID", max_length=255)
    goal_id = models.BigIntegerField(_("Цель"), null=True)
    talk = models.PositiveBigIntegerField(_("Разговор, с"), null=True)
    hold = models.PositiveBigIntegerField(_("Ожидание, с"), null=True)

    #: What the logs say of it, while it is recorded.
    result = models.PositiveSmallIntegerField(_("Результат"), choices=LinkResult, null=True)
    visit_id = models.CharField(_("Визит"), max_length=32, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("отправленная строка")
        verbose_name_plural = _("отправленные строки")
        constraints = [
            models.UniqueConstraint(
                fields=["request", "upload", "row_number"], name="log_sent_row_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} · {self.upload_id} #{self.row_number}"


class UnknownLogRow(models.Model):
    """A row that Metrika has under an uploading of ours and that we did not send: an alarm."""

    class Kind(models.TextChoices):
        DOUBLED = "doubled", _("Больше таких строк, чем отправлено")
        FOREIGN = "foreign", _("Такой строки мы не отправляли")

    # Without an index of its own: unknown_log_row_once begins with it.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="unknown_log_rows",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    upload = models.ForeignKey(
        Upload, models.CASCADE, related_name="unknown_log_rows", verbose_name=_("Выгрузка")
    )
    uploading_id = models.BigIntegerField(_("Номер в Метрике"))
    kind = models.CharField(_("Что не так"), max_length=8, choices=Kind)
    moment = models.DateTimeField(_("Время строки"))
    visit_id = models.CharField(_("Визит"), max_length=32, blank=True)
    talk = models.PositiveBigIntegerField(_("Разговор, с"), null=True)
    hold = models.PositiveBigIntegerField(_("Ожидание, с"), null=True)
    #: Hash of the row's values: the same row is stored once, with the number of times it stands.
    fingerprint = models.CharField(_("Отпечаток"), max_length=64)
    count = models.PositiveIntegerField(_("Сколько раз"))
    found_at = models.DateTimeField(_("Найдена"))
    #: When a person said that they have seen it; it is no alarm any more.
    seen_at = models.DateTimeField(_("Просмотрена"), null=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("Кем просмотрена"),
    )

    class Meta:
        verbose_name = _("неизвестная строка в логах")
        verbose_name_plural = _("неизвестные строки в логах")
        constraints = [
            models.UniqueConstraint(
                fields=["counter", "uploading_id", "fingerprint"], name="unknown_log_row_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uploading_id}: {self.get_kind_display()}"
