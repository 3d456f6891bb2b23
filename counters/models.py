"""Metrika counters of a cabinet with their settings, and their goals as last seen."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Value
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from counters import sendable, states
from counters.metrika_goal import TARGET_SEPARATOR, Goal
from counters.querysets import CounterQuerySet
from counters.settings_template import SettingsTemplate
from integrations.models import YandexAccount

__all__ = ["Counter", "Goal", "SettingsTemplate", "default_identifier_order"]


def default_identifier_order() -> list[str]:
    """Return the default: ClientId, which CallKeeper knows most often, then Yclid, then UserId."""
    return ["ClientId", "Yclid", "UserId"]


class Counter(models.Model):
    """A counter and the settings of what is sent to it, which `calls.decision.rules` read."""

    Access: TypeAlias = states.Access
    StopCause: TypeAlias = states.StopCause

    class CallKind(models.TextChoices):
        ALL = "all", _("Все типы звонков")
        CALLBACK = "callback", _("Только обратные звонки")
        INCOMING = "incoming", _("Только входящие звонки")

    class CallStatus(models.TextChoices):
        ALL = "all", _("Все статусы")
        SUCCESS = "success", _("Только успешные")
        FAIL = "fail", _("Только неуспешные")

    class Uniqueness(models.TextChoices):
        ALL = "all", _("Все звонки")
        UNIQUE = "unique", _("Только уникальные")
        TARGET = "target", _("Только целевые")
        UNIQUE_TARGET = "unique_target", _("Только уникально-целевые")

    class DeferUnit(models.TextChoices):
        HOURS = "hours", _("часов")
        DAYS = "days", _("дней")

    class TagMode(models.TextChoices):
        NONE = "none", _("Не передавать теги")
        CALLS = "calls", _("Использовать теги из звонков")
        MANUAL = "manual", _("Установить теги вручную")

    class SiteMode(models.TextChoices):
        OWN = "own", _("Только сайт счетчика")
        ALL = "all", _("Все сайты")
        LIST = "list", _("Выбранные сайты")

    class PhoneMode(models.TextChoices):
        FULL = "full", _("Полностью")
        MASKED = "masked", _("Скрыть середину")
        NONE = "none", _("Не передавать")

    class UnlinkedMode(models.TextChoices):
        STATIC = "static", _("Передавать как непривязанные")
        SKIP = "skip", _("Не передавать")

    #: The columns that make up a counter's settings, in the order of the settings window. The form,
    #: saving, the audit trail and the differences of a conflict read this list.
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "enabled",
        "goal",
        "callback_goal",
        "send_calls",
        "call_kind",
        "accepts_dynamic",
        "accepts_static",
        "min_duration_seconds",
        "call_status",
        "uniqueness",
        "defer_value",
        "defer_unit",
        "hold_for_last_attempt",
        "hold_for_tags",
        "hold_hours",
        "tag_mode",
        "manual_tag_callback",
        "manual_tag_incoming",
        "site_mode",
        "site_hosts",
        "with_subdomains",
        "campaigns",
        "price",
        "currency",
        "value_rules",
        "phone_mode",
        "identifier_order",
        "unlinked_mode",
        "skip_technical",
        "last_attempt_only",
        "link_proof",
        "chart_notes",
    )

    #: Metrika links a call to a visit of the last 21 days; a day is left for the send itself.
    MAX_DEFER: ClassVar[int] = 20

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="counters", verbose_name=_("Кабинет")
    )
    account = models.ForeignKey(
        YandexAccount, models.PROTECT, related_name="counters", verbose_name=_("Аккаунт")
    )
    number = models.BigIntegerField(_("Номер"))
    name = models.CharField(_("Название"), max_length=255)
    site = models.CharField(_("Сайт"), max_length=255, blank=True)
    site_host = models.CharField(
        max_length=255, blank=True, editable=False, verbose_name=_("Сайт, приведённый")
    )
    mirror_hosts = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("Зеркала сайта"),
        default=list,
        editable=False,
    )
    owner_login = models.CharField(_("Владелец"), max_length=255, blank=True)
    permission = models.CharField(_("Право"), max_length=32)
    time_zone = models.CharField(_("Часовой пояс"), max_length=64, default="Europe/Moscow")
    created_in_metrika_at = models.DateTimeField(_("Создан в Метрике"), null=True, blank=True)
    access = models.CharField(_("Доступ"), max_length=16, choices=Access, default=Access.OK)
    access_changed_at = models.DateTimeField(_("Доступ с"), null=True, blank=True)
    #: Consecutive uploads refused for lack of access, whatever the list of counters says.
    refused_uploads = models.PositiveSmallIntegerField(_("Отказов подряд"), default=0)
    #: Written by `counters.stops` alone; '' while Metrika takes the counter's uploads.
    stopped_cause = models.CharField(
        _("Остановлен из-за"),
        max_length=16,
        choices=StopCause,
        blank=True,
        default="",
        db_default="",
    )
    stopped_at = models.DateTimeField(_("Остановлен"), null=True, blank=True)
    #: When it was last checked whether the cause is gone, which claims the next check. After the
    #: stop: when the counter went on.
    stop_checked_at = models.DateTimeField(_("Причина проверена"), null=True, blank=True)
    #: Goals of any kind that the counter had when its goals were last read.
    goals_total = models.PositiveIntegerField(_("Целей всего"), null=True, blank=True)

    enabled = models.BooleanField(_("Включён"), default=True)
    send_calls = models.BooleanField(_("Отправлять звонки"), default=True)
    goal = models.ForeignKey(
        "Goal",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Достижение цели"),
    )
    #: The goal of callbacks when it is another one than that of incoming calls; see `goal_of`.
    callback_goal = models.ForeignKey(
        "Goal",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Цель обратных звонков"),
    )
    call_kind = models.CharField(
        _("Тип звонка"), max_length=16, choices=CallKind, default=CallKind.ALL
    )
    accepts_dynamic = models.BooleanField(_("Динамический коллтрекинг"), default=True)
    accepts_static = models.BooleanField(_("Статический коллтрекинг"), default=True)
    min_duration_seconds = models.PositiveIntegerField(_("Длительность от, секунд"), default=0)
    call_status = models.CharField(
        _("Статус звонка"), max_length=16, choices=CallStatus, default=CallStatus.ALL
    )
    uniqueness = models.CharField(
        _("Дополнительно"), max_length=16, choices=Uniqueness, default=Uniqueness.ALL
    )
    defer_value = models.PositiveSmallIntegerField(
        _("Отложенная отправка"),
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_DEFER)],
    )
    defer_unit = models.CharField(
        _("Единица"), max_length=8, choices=DeferUnit, default=DeferUnit.DAYS
    )
    #: What a call is held for, and for how long at most; then it goes as it is.
    hold_for_last_attempt = models.BooleanField(
        _("Ждать последней попытки обратного звонка"), default=False, db_default=False
    )
    hold_for_tags = models.BooleanField(_("Ждать тегов"), default=False, db_default=False)
    hold_hours = models.PositiveSmallIntegerField(
        _("Ждать не дольше, часов"),
        default=24,
        db_default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * MAX_DEFER)],
    )
    tag_mode = models.CharField(
        _("Тегирование"), max_length=16, choices=TagMode, default=TagMode.CALLS
    )
    manual_tag_callback = models.CharField(_("Для обратных звонков"), max_length=255, blank=True)
    manual_tag_incoming = models.CharField(_("Для входящих звонков"), max_length=255, blank=True)
    site_mode = models.CharField(_("Сайты"), max_length=8, choices=SiteMode, default=SiteMode.OWN)
    site_hosts = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("Выбранные сайты"),
        default=list,
        blank=True,
    )
    with_subdomains = models.BooleanField(_("С поддоменами"), default=False, db_default=False)
    campaigns = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("Кампании"),
        default=list,
        blank=True,
        help_text=_("Номера или названия; пусто означает все."),
    )
    price = models.DecimalField(
        _("Ценность звонка"), max_digits=12, decimal_places=2, null=True, blank=True
    )
    currency = models.CharField(_("Валюта"), max_length=3, blank=True, default="RUB")
    #: Prices by conditions, the first that matches decides: `counters.settings.value_rules`.
    value_rules = models.JSONField(
        _("Правила ценности"), blank=True, default=list, db_default=Value([], models.JSONField())
    )
    phone_mode = models.CharField(
        _("Номер телефона"), max_length=8, choices=PhoneMode, default=PhoneMode.FULL
    )
    identifier_order = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("Порядок идентификаторов"),
        default=default_identifier_order,
    )
    #: What becomes of a call-tracking call that is not static and came without an identifier.
    unlinked_mode = models.CharField(
        _("Звонки без идентификатора"),
        max_length=8,
        choices=UnlinkedMode,
        default=UnlinkedMode.STATIC,
        db_default=UnlinkedMode.STATIC,
    )
    skip_technical = models.BooleanField(_("Не отправлять технические отмены"), default=True)
    last_attempt_only = models.BooleanField(
        _("Только последняя попытка обратного звонка"), default=True
    )
    #: Whether changes of the settings and standstills are noted on Metrika's charts
    #: (`calls.reconciliation.chart_notes`).
    chart_notes = models.BooleanField(
        _("Примечания на графиках Метрики"), default=False, db_default=False
    )
    #: Whether Metrika's logs are read to say which visit each call was linked to: `calls.proof`.
    link_proof = models.BooleanField(
        _("Проверять привязку по логам Метрики"), default=False, db_default=False
    )

    version = models.PositiveIntegerField(_("Версия настроек"), default=1, editable=False)
    configured_at = models.DateTimeField(_("Настроен впервые"), null=True, blank=True)
    #: Calls that started before are sent only if a person orders it; null: no lower bound.
    accepts_from = models.DateTimeField(_("Принимает звонки с"), null=True, blank=True)
    #: When anything last changed that `calls.decision.routing` reads; null: nothing so far.
    routing_changed_at = models.DateTimeField(
        _("Отбор звонков изменён"), null=True, blank=True, editable=False
    )
    settings_saved_at = models.DateTimeField(_("Настройки сохранены"), null=True, blank=True)
    settings_saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кем сохранены"),
    )
    added_at = models.DateTimeField(_("Добавлен"))
    removed_at = models.DateTimeField(_("Удалён"), null=True, blank=True)
    goals_refreshed_at = models.DateTimeField(_("Цели обновлены"), null=True, blank=True)
    #: When Metrika last accepted an upload of this counter.
    last_synced_at = models.DateTimeField(_("Синхронизировано"), null=True, blank=True)

    objects = CounterQuerySet.as_manager()

    class Meta:
        verbose_name = _("счетчик")
        verbose_name_plural = _("счетчики")
        constraints = [
            models.UniqueConstraint(fields=["cabinet", "number"], name="counter_once_per_cabinet"),
            models.CheckConstraint(
                condition=models.Q(defer_value__lte=20), name="counter_defer_below_horizon"
            ),
            models.CheckConstraint(
                condition=models.Q(price__isnull=True) | models.Q(price__gte=0),
                name="counter_price_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.number}"

    @property
    def is_removed(self) -> bool:
        """Whether it was taken out of the cabinet."""
        return self.removed_at is not None

    @property
    def has_access(self) -> bool:
        """Whether its account may write to it, as far as Metrika last said."""
        return self.access == self.Access.OK

    @property
    def is_reachable(self) -> bool:
        """Whether it can be written to now: its account is usable and has access."""
        return sendable.hold(sendable.REACHABLE, self)

    @property
    def is_sendable(self) -> bool:
        """Whether calls may be sent to it now; the same as `objects.sendable()`."""
        return sendable.hold(sendable.SENDABLE, self)

    def goal_of(self, kind: str) -> Goal | None:
        """Return the goal that a call of this kind reaches. Load the counter with its goals."""
        is_other = kind == self.CallKind.CALLBACK and self.goal is not None
        return (self.callback_goal if is_other else None) or self.goal

    @property
    def targets(self) -> str:
        """The identifiers that a file of conversions may name, joined by TARGET_SEPARATOR."""
        chosen = [self.goal, self.callback_goal] if self.goal else []
        return TARGET_SEPARATOR.join(dict.fromkeys(goal.identifier for goal in chosen if goal))
