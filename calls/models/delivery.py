"""The ledger of deliveries, and the repeats that people ordered."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.models.call import Call
from calls.models.querysets import DeliveryQuerySet
from calls.models.upload import Upload
from calls.states import Channel, DeliveryState, IdKind
from counters.models import Counter


class Delivery(models.Model):
    """The ledger: call × counter × channel, the decision, and the upload and row it was sent in.

    The values as sent are row `row_number` of the upload's frozen bytes.
    """

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(
        Call,
        models.DO_NOTHING,
        related_name="deliveries",
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
    counter = models.ForeignKey(
        Counter,
        models.DO_NOTHING,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    state = models.PositiveSmallIntegerField(_("Состояние"), choices=DeliveryState)
    reason = models.CharField(_("Причина"), max_length=32, null=True, blank=True)  # noqa: DJ001
    #: What the rule that refused compared: the arguments of its `Reason.with_values`.
    compared = models.JSONField(_("Сравнивалось"), null=True, blank=True, editable=False)
    id_kind = models.PositiveSmallIntegerField(_("Идентификатор"), choices=IdKind, null=True)
    is_static = models.BooleanField(_("Статический"), default=False)
    decided_at = models.DateTimeField(_("Решено"))
    #: Version of the counter's settings by which it was decided.
    settings_version = models.PositiveIntegerField(_("Версия настроек"), default=0)
    not_before = models.DateTimeField(_("Не раньше"), null=True)
    #: It waited before a change of the settings or of the call excluded it, and it waits again
    #: when they allow it.
    waited = models.BooleanField(_("Ждал отправки"), default=False)
    #: The call's start plus 21 days: after that Metrika cannot link it to a visit.
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
    #: Revision of the call whose values were frozen; lower than the call's if it changed later.
    call_revision = models.PositiveIntegerField(_("Версия звонка"), null=True)

    #: By when its file is built; not stored: `calls.queries.gathering` sets it.
    gathered_by: datetime | None = None
    #: That it is being decided again, in Russian; not stored: `calls.queries.gathering` sets it.
    being_decided: str = ""

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("отправка")
        verbose_name_plural = _("отправки")

    def __str__(self) -> str:
        return f"{self.call_id} → {self.counter_id} · {self.get_channel_display()}"


class Resend(models.Model):
    """One call sent again because a person ordered it, knowing that it may be counted twice.

    It does not change the ledger: the delivery keeps its only upload, and the extra row goes in an
    upload of its own, which has no delivery.
    """

    call = models.ForeignKey(
        Call,
        models.DO_NOTHING,
        related_name="resends",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Звонок"),
    )
    counter = models.ForeignKey(
        Counter, models.PROTECT, related_name="+", verbose_name=_("Счетчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    #: First, second, … repeat of this call: a button pressed twice orders the same number twice.
    number = models.PositiveSmallIntegerField(_("Номер повтора"))
    upload = models.OneToOneField(
        Upload, models.CASCADE, related_name="resend", verbose_name=_("Выгрузка")
    )
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("Кем заказан"),
    )
    ordered_at = models.DateTimeField(_("Заказан"))

    class Meta:
        verbose_name = _("повторная отправка")
        verbose_name_plural = _("повторные отправки")
        constraints = [
            models.UniqueConstraint(
                fields=["call", "counter", "channel", "number"], name="resend_once_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} → {self.counter_id} #{self.number}"


class UnlinkedApproval(models.Model):
    """A person's decision: a call whose identifier is unreadable goes as unlinked (StaticCall=1).

    Applies to the call's row of the channel of calls as long as no identifier can be read.
    """

    call = models.ForeignKey(
        Call,
        models.DO_NOTHING,
        related_name="unlinked_approvals",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Звонок"),
    )
    counter = models.ForeignKey(
        Counter, models.PROTECT, related_name="+", verbose_name=_("Счетчик")
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("Кем решено"),
    )
    approved_at = models.DateTimeField(_("Решено"))

    class Meta:
        verbose_name = _("отправка без привязки")
        verbose_name_plural = _("отправки без привязки")
        constraints = [
            models.UniqueConstraint(fields=["call", "counter"], name="unlinked_approval_once"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} → {self.counter_id}"


class SendOrder(models.Model):
    """A person's order: the call is sent to the counter although the settings exclude it.

    Its rows, in both channels, are decided by the other rules from then on: those of which
    `Rule.is_waivable` is true do not apply to it.
    """

    call = models.ForeignKey(
        Call,
        models.DO_NOTHING,
        related_name="send_orders",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Звонок"),
    )
    counter = models.ForeignKey(
        Counter, models.PROTECT, related_name="+", verbose_name=_("Счетчик")
    )
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("Кем заказана"),
    )
    ordered_at = models.DateTimeField(_("Заказана"))

    class Meta:
        # The table and the constraint have the names of a former version.
        db_table = "calls_heldbackorder"
        verbose_name = _("заказ отправки")
        verbose_name_plural = _("заказы отправки")
        constraints = [
            models.UniqueConstraint(fields=["call", "counter"], name="held_back_order_once"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} → {self.counter_id}"
