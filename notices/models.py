"""Notices of a cabinet, the messages about them, and what each person wants to be told."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet, Membership
from cabinets.sealing import SealedTextField
from counters.models import Counter
from notices.kinds import Kind, tone_of

#: A condition that is gone for less than this has not ended: one that comes and goes is one notice.
SETTLES_AFTER = timedelta(minutes=10)


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Notices by what has become of their condition."""

    def open(self) -> Self:
        """Notices that have not ended."""
        return self.filter(closed_at=None)

    def standing(self) -> Self:
        """Open notices whose condition was found by the last check."""
        return self.filter(closed_at=None, gone_since=None)


class Notice(models.Model):
    """A condition that needs a person: since when it stands, and when it ended.

    Written by `notices.check` from the rows that decide. ``facts`` are what its sentence names, so
    that the sentence is made in the reader's language.
    """

    # Without an index of its own: notice_by_cabinet begins with it.
    cabinet = models.ForeignKey(
        Cabinet,
        models.CASCADE,
        related_name="notices",
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    kind = models.CharField(_("Вид"), max_length=24, choices=Kind)
    #: What it is about, as `counter:17`.
    subject = models.CharField(_("О чём"), max_length=120)
    facts = models.JSONField(_("Подробности"), default=dict)
    opened_at = models.DateTimeField(_("Началось"))
    #: When a check first did not find the condition; null while it stands.
    gone_since = models.DateTimeField(_("Не видно с"), null=True, blank=True)
    closed_at = models.DateTimeField(_("Закончилось"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("уведомление")
        verbose_name_plural = _("уведомления")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet", "kind", "subject"],
                condition=Q(closed_at=None),
                name="notice_open_once",
            ),
        ]
        indexes = [models.Index(fields=["cabinet", "-opened_at"], name="notice_by_cabinet")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.subject}"

    @property
    def tone(self) -> str:
        """The tone in which it is drawn."""
        return tone_of(self.kind) if self.closed_at is None else "neutral"


class Medium(models.TextChoices):
    """A way in which messages leave."""

    EMAIL = "email", _("Почта")
    TELEGRAM = "telegram", "Telegram"
    WEBHOOK = "webhook", _("Вебхук")


class MessageState(models.TextChoices):
    """What has become of a message."""

    WAITING = "waiting", _("Ждёт своей очереди")
    SENDING = "sending", _("Уходит")
    SENT = "sent", _("Отправлено")
    #: The answer was lost; it is not repeated, because it may have arrived.
    UNCLEAR = "unclear", _("Неизвестно, дошло ли")
    FAILED = "failed", _("Не отправлено")
    #: Nothing was left to tell: what had begun was over before the message left.
    DROPPED = "dropped", _("Не понадобилось")


class NoticeMessageQuerySet(models.QuerySet["NoticeMessage"]):
    """Messages by their state."""

    def due(self, now: datetime) -> Self:
        """Messages that may be sent now."""
        return self.filter(state=MessageState.WAITING, not_before__lte=now)

    def abandoned(self, now: datetime) -> Self:
        """Messages whose worker's lease has run out."""
        return self.filter(state=MessageState.SENDING, lease_until__lte=now)


class NoticeMessage(models.Model):
    """A message to one person, or to the cabinet's webhook: the row is the queue.

    Its text is made and stored by the first claim. Until then further changes are added to it.
    """

    State = MessageState
    Medium = Medium

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="notice_messages", verbose_name=_("Кабинет")
    )
    #: None: the cabinet's webhook.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="notice_messages",
        null=True,
        blank=True,
        verbose_name=_("Кому"),
    )
    medium = models.CharField(_("Как"), max_length=16, choices=Medium)
    #: The id that the receiver sees: Message-ID of an e-mail, webhook-id of a webhook.
    uid = models.UUIDField(_("Номер сообщения"), default=uuid.uuid4, unique=True)
    #: The last day that a digest is about; null: not a digest.
    digest_day = models.DateField(_("Сводка за"), null=True, blank=True)
    state = models.CharField(
        _("Состояние"), max_length=16, choices=MessageState, default=MessageState.WAITING
    )
    not_before = models.DateTimeField(_("Не раньше"))
    attempts = models.PositiveSmallIntegerField(_("Попыток"), default=0)
    lease_until = models.DateTimeField(_("Занято до"), null=True, blank=True)
    #: Set right before the text leaves: from here on it may have arrived.
    marked_at = models.DateTimeField(_("Передаётся с"), null=True, blank=True)
    subject = models.CharField(_("Тема"), max_length=250, blank=True, default="")
    body = models.TextField(_("Текст"), blank=True, default="")
    error = models.CharField(_("Ошибка"), max_length=40, blank=True, default="")
    created_at = models.DateTimeField(_("Создано"))
    ended_at = models.DateTimeField(_("Завершено"), null=True, blank=True)
    notices = models.ManyToManyField(
        Notice, through="NoticeLine", related_name="messages", verbose_name=_("Уведомления")
    )

    objects = NoticeMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("сообщение")
        verbose_name_plural = _("сообщения")
        constraints = [
            # Changes are added to it, so that a person gets one message about many of them.
            models.UniqueConstraint(
                fields=["cabinet", "user", "medium"],
                condition=Q(state="waiting", attempts=0, digest_day=None, body=""),
                nulls_distinct=False,
                name="message_gathering_once",
            ),
            models.UniqueConstraint(
                fields=["cabinet", "user", "digest_day"],
                condition=Q(digest_day__isnull=False),
                name="message_digest_once",
            ),
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=Q(state="waiting"), name="message_due"),
            models.Index(
                fields=["lease_until"], condition=Q(state="sending"), name="message_leased"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_medium_display()} · {self.created_at:%d.%m %H:%M}"


class NoticeLine(models.Model):
    """That a notice began, or ended, as one message tells it."""

    class Event(models.TextChoices):
        OPENED = "opened", _("Началось")
        CLOSED = "closed", _("Закончилось")

    # Without an index of its own: line_once begins with it.
    message = models.ForeignKey(
        NoticeMessage,
        models.CASCADE,
        related_name="lines",
        db_index=False,
        verbose_name=_("Сообщение"),
    )
    notice = models.ForeignKey(
        Notice, models.CASCADE, related_name="lines", verbose_name=_("Уведомление")
    )
    event = models.CharField(_("Что"), max_length=8, choices=Event)

    class Meta:
        verbose_name = _("строка сообщения")
        verbose_name_plural = _("строки сообщений")
        constraints = [
            models.UniqueConstraint(fields=["message", "notice", "event"], name="line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} · {self.notice_id}"


class NoticeChoice(models.Model):
    """What a person wants to be told of a cabinet; without a row the defaults apply."""

    class Digest(models.TextChoices):
        OFF = "off", _("Не присылать")
        DAILY = "daily", _("Каждый день")
        WEEKLY = "weekly", _("По понедельникам")

    membership = models.OneToOneField(
        Membership,
        models.CASCADE,
        related_name="notice_choice",
        verbose_name=_("Участник"),
    )
    #: Groups of kinds (`notices.kinds.Group`) by medium; null: not chosen, the defaults apply.
    email_groups = ArrayField(
        models.CharField(max_length=16), verbose_name=_("По почте"), null=True, blank=True
    )
    telegram_groups = ArrayField(
        models.CharField(max_length=16), verbose_name=_("В Telegram"), null=True, blank=True
    )
    digest = models.CharField(_("Сводка"), max_length=8, choices=Digest, default=Digest.OFF)
    #: When the person last looked at the list of notices.
    seen_at = models.DateTimeField(_("Просмотрено"), null=True, blank=True)

    class Meta:
        verbose_name = _("выбор уведомлений")
        verbose_name_plural = _("выбор уведомлений")

    def __str__(self) -> str:
        return str(self.membership)


class TelegramLink(models.Model):
    """A person's chat with the bot, or the one-time code by which it will be linked."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="telegram_link",
        verbose_name=_("Человек"),
    )
    chat_id = models.BigIntegerField(_("Чат"), null=True, blank=True)
    linked_at = models.DateTimeField(_("Привязан"), null=True, blank=True)
    #: SHA-256 of the code, hexadecimal; '' without one.
    code_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    code_until = models.DateTimeField(_("Код действует до"), null=True, blank=True)

    class Meta:
        verbose_name = _("чат Telegram")
        verbose_name_plural = _("чаты Telegram")

    def __str__(self) -> str:
        return str(self.user)


class NoticeWebhook(models.Model):
    """The address to which a cabinet's notices are posted, signed (Standard Webhooks)."""

    cabinet = models.OneToOneField(
        Cabinet, models.CASCADE, related_name="notice_webhook", verbose_name=_("Кабинет")
    )
    url = SealedTextField(_("Адрес"))
    secret = SealedTextField(_("Секрет подписи"))
    created_at = models.DateTimeField(_("Создан"))
    last_sent_at = models.DateTimeField(_("Последняя доставка"), null=True, blank=True)
    last_failed_at = models.DateTimeField(_("Последний отказ"), null=True, blank=True)
    #: The code of the last failure.
    last_error = models.CharField(_("Ошибка"), max_length=40, blank=True, default="")

    class Meta:
        verbose_name = _("вебхук уведомлений")
        verbose_name_plural = _("вебхуки уведомлений")

    def __str__(self) -> str:
        return str(self.cabinet)


class Baseline(models.Model):
    """What is usual for a counter or a source in each hour of the week; renewed every night.

    Of a count the expected numbers, of a share the expected parts. See `notices.baseline`.
    """

    # Without an index of its own: baseline_once begins with it.
    cabinet = models.ForeignKey(
        Cabinet,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    kind = models.CharField(_("Вид"), max_length=24, choices=Kind)
    #: Id of the counter or of the source; 0 in the row that says that the cabinet was counted.
    subject_id = models.BigIntegerField(_("Номер"))
    values = ArrayField(models.FloatField(), verbose_name=_("По часам недели"), default=list)
    dispersion = models.FloatField(_("Разброс за час"), default=1.0)
    day_scatter = models.FloatField(_("Разброс по дням"), default=0.0)
    #: After so many minutes almost all of its calls are known.
    lag_minutes = models.PositiveIntegerField(_("Задержка, мин"), default=0)
    counted_at = models.DateTimeField(_("Посчитано"))

    class Meta:
        verbose_name = _("обычные значения")
        verbose_name_plural = _("обычные значения")
        constraints = [
            models.UniqueConstraint(fields=["cabinet", "kind", "subject_id"], name="baseline_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.subject_id}"


class AlertPause(models.Model):
    """Days on which nothing is compared with what is usual: a holiday, a stopped campaign.

    Whole days in the cabinet's zone, the last one included. `notices.pauses` writes them.
    """

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="alert_pauses", verbose_name=_("Кабинет")
    )
    #: None: the whole cabinet.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("Счетчик"),
    )
    first_day = models.DateField(_("С"))
    last_day = models.DateField(_("По"))
    note = models.CharField(_("Почему"), max_length=120)
    created_at = models.DateTimeField(_("Создана"))
    #: When a person ended it before its last day was over.
    ended_at = models.DateTimeField(_("Закончена раньше"), null=True, blank=True)

    class Meta:
        verbose_name = _("пауза проверок")
        verbose_name_plural = _("паузы проверок")

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"
