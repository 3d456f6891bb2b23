"""Linked Yandex accounts, unfinished link attempts, and the request budget of a Yandex login."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from cabinets.sealing import SealedTextField


class YandexAccountQuerySet(models.QuerySet["YandexAccount"]):
    """Accounts by their state."""

    def linked(self) -> YandexAccountQuerySet:
        """Leave out the disconnected ones: their rows stay for their counters."""
        return self.exclude(state=YandexAccount.State.DISCONNECTED)

    def usable(self) -> YandexAccountQuerySet:
        """Keep those with whose token requests may be made."""
        return self.filter(state__in=YandexAccount.USABLE)


class YandexAccount(models.Model):
    """A Yandex account linked to a cabinet, identified by the profile's id, never by the login."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Подключено")
        REFRESH_FAILED = "refresh_failed", _("Подключено, продление не удалось")
        REAUTH_REQUIRED = "reauth_required", _("Требуется переподключение")
        DISCONNECTED = "disconnected", _("Отключено")

    #: States in which requests may be made with the account's token.
    USABLE: ClassVar[tuple[str, ...]] = (State.ACTIVE, State.REFRESH_FAILED)

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="yandex_accounts", verbose_name=_("Кабинет")
    )
    yandex_uid = models.CharField(_("Номер в Яндексе"), max_length=32)
    login = models.CharField(_("Логин"), max_length=255)
    display_name = models.CharField(_("Имя"), max_length=255, blank=True)
    access_token = SealedTextField(blank=True, default="", editable=False)
    refresh_token = SealedTextField(blank=True, default="", editable=False)
    scopes = ArrayField(
        models.CharField(max_length=64), verbose_name=_("Выданные права"), default=list
    )
    device_id = models.CharField(max_length=50, editable=False)
    state = models.CharField(_("Состояние"), max_length=20, choices=State, default=State.ACTIVE)
    state_reason = models.CharField(_("Причина"), max_length=64, blank=True)
    state_changed_at = models.DateTimeField(_("Состояние с"), null=True, blank=True)
    expires_at = models.DateTimeField(_("Ключ действует до"), null=True, blank=True)
    token_issued_at = models.DateTimeField(_("Ключ получен"), null=True, blank=True)
    refresh_claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: Set by a renewal, cleared when Metrika first accepts the renewed token.
    renewed_at = models.DateTimeField(_("Ключ продлён, ещё не принят"), null=True, blank=True)
    probed_at = models.DateTimeField(_("Ключ испытан"), null=True, blank=True)
    counters_refreshed_at = models.DateTimeField(_("Счетчики обновлены"), null=True, blank=True)
    connected_at = models.DateTimeField(_("Подключено"))
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кем подключено"),
    )
    disconnected_at = models.DateTimeField(_("Отключено"), null=True, blank=True)

    objects = YandexAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("аккаунт Яндекса")
        verbose_name_plural = _("аккаунты Яндекса")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet", "yandex_uid"], name="account_once_per_cabinet"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="disconnected")
                | models.Q(access_token="", refresh_token=""),
                name="account_disconnected_has_no_token",
            ),
        ]

    def __str__(self) -> str:
        return self.login

    @property
    def is_linked(self) -> bool:
        """Whether it is not disconnected."""
        return self.state != self.State.DISCONNECTED

    @property
    def is_usable(self) -> bool:
        """Whether requests may be made with this account's token."""
        return self.state in self.USABLE


class LinkAttempt(models.Model):
    """An attempt begun by «Подключить»: used at most once, expired after ten minutes."""

    class Mode(models.TextChoices):
        ADD = "add", _("Подключение")
        REAUTHORISE = "reauthorise", _("Переподключение")

    #: A code of Yandex is valid for ten minutes.
    LIFETIME: ClassVar[timedelta] = timedelta(minutes=10)

    state_digest = models.CharField(max_length=64, unique=True)
    session_digest = models.CharField(max_length=64, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("Человек")
    )
    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="+", verbose_name=_("Кабинет")
    )
    mode = models.CharField(max_length=16, choices=Mode, verbose_name=_("Способ"))
    expected_uid = models.CharField(
        max_length=32, blank=True, verbose_name=_("Ожидаемый номер в Яндексе")
    )
    code_verifier = SealedTextField()
    device_id = models.CharField(max_length=50)
    authorisation_server = models.URLField(max_length=255, verbose_name=_("Сервер Яндекса"))
    created_at = models.DateTimeField(verbose_name=_("Начата"))

    class Meta:
        verbose_name = _("попытка подключения")
        verbose_name_plural = _("попытки подключения")

    def __str__(self) -> str:
        return f"{self.mode} {self.created_at:%Y-%m-%d %H:%M}"

    def is_expired(self, now: datetime) -> bool:
        """Whether the ten minutes are over."""
        return now - self.created_at > self.LIFETIME


class RequestSlot(models.Model):
    """One of the three parallel requests of a Yandex login, held as a lease until it expires.

    A lease rather than a lock: a lock is free within milliseconds after its worker died, while
    Yandex is still working on the request, and a fourth request would be sent.
    """

    yandex_uid = models.CharField(max_length=32, verbose_name=_("Номер в Яндексе"))
    number = models.PositiveSmallIntegerField(verbose_name=_("Место"))
    held_until = models.DateTimeField(null=True, verbose_name=_("Занято до"))
    holder = models.UUIDField(null=True, verbose_name=_("Кем занято"))

    class Meta:
        verbose_name = _("место для запроса")
        verbose_name_plural = _("места для запросов")
        constraints = [
            models.UniqueConstraint(fields=["yandex_uid", "number"], name="slot_once_per_login"),
        ]

    def __str__(self) -> str:
        return f"{self.yandex_uid} #{self.number}"


class RequestDay(models.Model):
    """Requests of a Yandex login (or a pause key) on a UTC day, counted before each request."""

    yandex_uid = models.CharField(_("Номер в Яндексе"), max_length=32)
    day = models.DateField(_("День (UTC)"))
    uploads = models.PositiveIntegerField(_("Отправки"), default=0)
    polls = models.PositiveIntegerField(_("Опросы"), default=0)
    #: With a default of the database: pauses are stored by SQL.
    looks = models.PositiveIntegerField(_("Сверки после запуска"), default=0, db_default=0)
    other = models.PositiveIntegerField(_("Прочее"), default=0)
    paused_until = models.DateTimeField(_("Пауза до"), null=True, blank=True)
    paused_reason = models.CharField(_("Причина паузы"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("расход запросов")
        verbose_name_plural = _("расход запросов")
        constraints = [
            models.UniqueConstraint(fields=["yandex_uid", "day"], name="request_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.yandex_uid} {self.day}"


class MetrikaClock(models.Model):
    """How far Metrika's clock is ahead of ours. One row, or none when the clocks agree."""

    #: Its primary key.
    ONLY: ClassVar[int] = 1

    ahead_seconds = models.IntegerField(_("Впереди наших, с"), default=0)
    changed_at = models.DateTimeField(_("Замечено"))
    #: A difference not adopted yet, and how many answers in a row showed it.
    heard_seconds = models.IntegerField(_("Услышано, с"), default=0)
    heard_times = models.PositiveSmallIntegerField(_("Раз подряд"), default=0)

    class Meta:
        verbose_name = _("часы Метрики")
        verbose_name_plural = _("часы Метрики")

    def __str__(self) -> str:
        return f"{self.ahead_seconds:+d} s"


class RequestSecond(models.Model):
    """Requests of all our processes in a fifth of a second; Yandex allows 30 a second."""

    #: Unix time in fifths of a second.
    second = models.BigIntegerField(primary_key=True, verbose_name=_("Пятая доля секунды"))
    used = models.PositiveIntegerField(default=0, verbose_name=_("Запросов"))

    class Meta:
        verbose_name = _("запросы в секунду")
        verbose_name_plural = _("запросы в секунду")

    def __str__(self) -> str:
        return f"{self.second}: {self.used}"


class RequestOutcome(models.Model):
    """How many requests of a Yandex login had this outcome in this minute; kept for two days."""

    minute = models.DateTimeField(_("Минута"))
    yandex_uid = models.CharField(_("Номер в Яндексе"), max_length=32)
    #: '' for success, else the class of the error (`integrations.yandex.errors`).
    outcome = models.CharField(_("Исход"), max_length=32, blank=True)
    requests = models.PositiveIntegerField(_("Запросов"), default=0)

    class Meta:
        verbose_name = _("исходы запросов")
        verbose_name_plural = _("исходы запросов")
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "yandex_uid", "outcome"], name="request_outcome_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} · {self.outcome or 'ok'}"


class YandexOutage(models.Model):
    """A time in which Yandex failed for many: from the first failure to the first success."""

    #: Class of the errors (`integrations.yandex.errors`).
    outcome = models.CharField(_("Исход"), max_length=32)
    began_at = models.DateTimeField(_("Началось"))
    ended_at = models.DateTimeField(_("Закончилось"), null=True, blank=True)
    #: Requests that failed in it, as far as it was watched.
    failed = models.PositiveIntegerField(_("Неудачных запросов"), default=0)

    class Meta:
        verbose_name = _("сбой Яндекса")
        verbose_name_plural = _("сбои Яндекса")
        constraints = [
            models.UniqueConstraint(
                fields=["outcome"],
                condition=models.Q(ended_at=None),
                name="yandex_outage_open_once",
            ),
        ]
        indexes = [models.Index(fields=["-began_at"], name="yandex_outage_by_age")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.began_at:%Y-%m-%d %H:%M}"


class Installation(models.Model):
    """Which installation this database belongs to, and how far it has come. One row.

    The same facts stand outside the database, in marks: see `integrations.installation`.
    """

    #: Its primary key.
    ONLY: ClassVar[int] = 1

    class Kind(models.TextChoices):
        PRODUCTION = "production", _("Рабочая установка")
        COPY = "copy", _("Копия для проверок")

    class Halt(models.TextChoices):
        """Why nothing is sent."""

        BEHIND = "behind", _("База отстала от отправленного")
        FOREIGN = "foreign", _("База другой установки")
        NO_MARK = "no_mark", _("Негде хранить отметку")

    uid = models.UUIDField(_("Номер установки"), default=uuid.uuid4, editable=False)
    #: Host of PUBLIC_URL, '' until the installation was adopted.
    public_host = models.CharField(_("Адрес кабинета"), max_length=255, blank=True, default="")
    #: Raised in the transaction of every claim: its row lock puts the claims in order.
    epoch = models.BigIntegerField(_("Отправок начато"), default=0)
    kind = models.CharField(_("Вид"), max_length=16, choices=Kind, default=Kind.PRODUCTION)
    adopted_at = models.DateTimeField(_("Работает с"), null=True, blank=True)
    #: A list of Metrika that was not read wholly since then is read before the next upload.
    look_after = models.DateTimeField(_("Сверяться со списками с"), null=True, blank=True)
    halted_at = models.DateTimeField(_("Отправка остановлена"), null=True, blank=True)
    halt_reason = models.CharField(
        _("Причина остановки"), max_length=16, choices=Halt, blank=True, default=""
    )

    class Meta:
        verbose_name = _("установка")
        verbose_name_plural = _("установка")

    def __str__(self) -> str:
        return str(self.uid)
