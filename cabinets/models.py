"""The tenant: a cabinet, its members, the sources that may post calls, and the audit trail."""

from __future__ import annotations

import secrets
import zoneinfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.regions import DEFAULT_REGION, REGIONS
from cabinets.sealing import SealedTextField


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless it is a name of the tz database."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("Неизвестный часовой пояс: %(name)s"), params={"name": name})


def new_source_id() -> str:
    """Return a public identifier of a source; it identifies, it does not authorise."""
    return f"src_{secrets.token_hex(8)}"


class Cabinet(models.Model):
    """One customer of CallKeeper."""

    name = models.CharField(_("Название"), max_length=200)
    time_zone = models.CharField(
        _("Часовой пояс"), max_length=64, default="Europe/Moscow", validators=[validate_time_zone]
    )
    is_demo = models.BooleanField(_("Демонстрация"), default=False)
    created_at = models.DateTimeField(_("Создан"), auto_now_add=True)

    class Meta:
        verbose_name = _("кабинет")
        verbose_name_plural = _("кабинеты")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone in which this cabinet's pages show times."""
        return zoneinfo.ZoneInfo(self.time_zone)


class Membership(models.Model):
    """A person in a cabinet, with a role."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Владелец")
        MANAGER = "manager", _("Управляющий")
        VIEWER = "viewer", _("Наблюдатель")

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="memberships", verbose_name=_("Кабинет")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="cabinet_memberships",
        verbose_name=_("Человек"),
    )
    role = models.CharField(_("Роль"), max_length=16, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(_("Добавлен"), auto_now_add=True)

    class Meta:
        verbose_name = _("участник кабинета")
        verbose_name_plural = _("участники кабинетов")
        constraints = [
            models.UniqueConstraint(fields=["cabinet", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.cabinet} · {self.get_role_display()}"

    @property
    def can_manage(self) -> bool:
        """Whether the person may link accounts and change settings."""
        return self.role in {self.Role.OWNER, self.Role.MANAGER}

    @property
    def given_roles(self) -> frozenset[str]:
        """Roles that the person may give and take; ownership is handed over, not given."""
        if self.role == self.Role.OWNER:
            return frozenset({self.Role.MANAGER, self.Role.VIEWER})
        return frozenset({self.Role.VIEWER} if self.role == self.Role.MANAGER else ())


class Invitation(models.Model):
    """A link by which one person joins a cabinet, once and until it expires.

    Whoever has the link may use it: the token is sealed, and found by its digest.
    """

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="invitations", verbose_name=_("Кабинет")
    )
    role = models.CharField(_("Роль"), max_length=16, choices=Membership.Role)
    #: Where the link was sent; empty when it is only shown.
    email = models.EmailField(_("Почта"), max_length=150, blank=True)
    token = SealedTextField(_("Ссылка"))
    #: SHA-256 of the token, hexadecimal.
    digest = models.CharField(_("Отпечаток ссылки"), max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("Кто пригласил"),
    )
    created_at = models.DateTimeField(_("Создано"))
    expires_at = models.DateTimeField(_("Действует до"))
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("Кто принял"),
    )
    #: Accepted or revoked; the link is of no use any more.
    ended_at = models.DateTimeField(_("Использовано или отозвано"), null=True, blank=True)

    class Meta:
        verbose_name = _("приглашение")
        verbose_name_plural = _("приглашения")

    def __str__(self) -> str:
        return f"{self.cabinet} · {self.get_role_display()}"


class CallSource(models.Model):
    """A sender of calls into a cabinet, and the time zone of its times without an offset."""

    class Kind(models.TextChoices):
        API = "api", _("Подписанные запросы")
        WEBHOOK = "webhook", _("Вебхуки")
        PULL = "pull", _("Забираем из CallKeeper")
        FILE = "file", _("Файлы")

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="call_sources", verbose_name=_("Кабинет")
    )
    name = models.CharField(_("Название"), max_length=200)
    public_id = models.CharField(
        _("Идентификатор"), max_length=64, unique=True, default=new_source_id
    )
    time_zone = models.CharField(
        _("Пояс времени без смещения"),
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Если пусто, время без смещения не принимается."),
    )
    region = models.CharField(
        _("Страна номеров без кода"),
        max_length=2,
        choices=REGIONS,
        default=DEFAULT_REGION,
        db_default=DEFAULT_REGION,
        help_text=_("Номер без кода страны читается как номер этой страны."),
    )
    #: How its calls come; a file may be imported into a source of any kind.
    kind = models.CharField(
        _("Способ"), max_length=16, choices=Kind, default=Kind.API, db_default=Kind.API
    )
    is_active = models.BooleanField(_("Включён"), default=True)
    created_at = models.DateTimeField(_("Создан"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("Последний принятый запрос"), null=True, blank=True)
    last_refused_at = models.DateTimeField(_("Последний отклонённый запрос"), null=True, blank=True)
    #: The code of the API's error.
    last_refusal = models.CharField(_("Причина отказа"), max_length=40, blank=True, db_default="")
    #: Of the last request that was accepted without some of its records: their number, and the
    #: code of the last one's error.
    last_rejected_at = models.DateTimeField(
        _("Последний запрос с отклонёнными записями"), null=True, blank=True
    )
    last_rejected_records = models.PositiveIntegerField(
        _("Отклонено записей"), default=0, db_default=0
    )
    last_rejection = models.CharField(
        _("Причина отклонения записи"), max_length=40, blank=True, db_default=""
    )
    #: Of the last record that was accepted with a warning: see `cabinets.refusals.stored_warning`.
    last_warned_at = models.DateTimeField(
        _("Последняя запись с предупреждением"), null=True, blank=True
    )
    last_warning = models.CharField(
        _("Предупреждение"), max_length=400, blank=True, default="", db_default=""
    )
    last_import_at = models.DateTimeField(_("Последняя загрузка файла"), null=True, blank=True)

    class Meta:
        verbose_name = _("источник звонков")
        verbose_name_plural = _("источники звонков")

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class SigningSecret(models.Model):
    """One live signing secret of a source; two slots, so that it can be rotated without a gap."""

    source = models.ForeignKey(
        CallSource, models.CASCADE, related_name="signing_secrets", verbose_name=_("Источник")
    )
    slot = models.PositiveSmallIntegerField(_("Ячейка"), choices=[(1, "1"), (2, "2")])
    secret = SealedTextField(_("Секрет"))
    created_at = models.DateTimeField(_("Создан"), auto_now_add=True)

    class Meta:
        verbose_name = _("секрет подписи")
        verbose_name_plural = _("секреты подписи")
        constraints = [
            models.UniqueConstraint(fields=["source", "slot"], name="secret_slot_once"),
            models.CheckConstraint(
                condition=models.Q(slot__in=[1, 2]), name="secret_two_live_at_most"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source.public_id} · {self.slot}"


class SecretAddress(models.Model):
    """A live secret address of a source of webhooks; two slots, as for signing secrets.

    The address is its own password: the token is sealed, and found by its digest.
    """

    source = models.ForeignKey(
        CallSource, models.CASCADE, related_name="secret_addresses", verbose_name=_("Источник")
    )
    slot = models.PositiveSmallIntegerField(_("Ячейка"), choices=[(1, "1"), (2, "2")])
    token = SealedTextField(_("Адрес"))
    #: SHA-256 of the token, hexadecimal.
    digest = models.CharField(_("Отпечаток адреса"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("Создан"), auto_now_add=True)

    class Meta:
        verbose_name = _("секретный адрес")
        verbose_name_plural = _("секретные адреса")
        constraints = [
            models.UniqueConstraint(fields=["source", "slot"], name="address_slot_once"),
            models.CheckConstraint(
                condition=models.Q(slot__in=[1, 2]), name="address_two_live_at_most"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source.public_id} · {self.slot}"


class AuditEvent(models.Model):
    """Who changed what; the database refuses to change or delete a row."""

    cabinet = models.ForeignKey(
        Cabinet,
        models.PROTECT,
        related_name="audit_events",
        null=True,
        blank=True,
        verbose_name=_("Кабинет"),
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("Кто"),
    )
    action = models.CharField(_("Действие"), max_length=64)
    object_type = models.CharField(_("Объект"), max_length=64)
    object_id = models.CharField(_("Номер объекта"), max_length=64)
    before = models.JSONField(_("Было"), default=dict, blank=True)
    after = models.JSONField(_("Стало"), default=dict, blank=True)
    at = models.DateTimeField(_("Когда"), auto_now_add=True)

    class Meta:
        verbose_name = _("событие аудита")
        verbose_name_plural = _("аудит")
        indexes = [models.Index(fields=["cabinet", "-at"], name="audit_by_cabinet")]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
