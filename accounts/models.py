"""Sessions of signed-in people, so that a person can see and end them; what each one prefers."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import validate_time_zone


class UserSession(AbstractBaseSession):
    """A session and its user, who is None until a person signs in."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="sessions",
        null=True,
        verbose_name=_("Человек"),
    )
    started_at = models.DateTimeField(_("Вход"), null=True)
    address = models.CharField(_("Адрес"), max_length=45, blank=True)
    browser = models.CharField(_("Браузер"), max_length=200, blank=True)

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return the engine, which reads the data."""
        return import_module(settings.SESSION_ENGINE).SessionStore  # type: ignore[no-any-return]

    class Meta:
        verbose_name = _("сеанс")
        verbose_name_plural = _("сеансы")


class Preference(models.Model):
    """How a person wants to see the pages; without a row the defaults hold."""

    class Language(models.TextChoices):
        RUSSIAN = "ru", "Русский"
        ENGLISH = "en", "English"

    class Theme(models.TextChoices):
        SYSTEM = "system", _("Как в системе")
        LIGHT = "light", _("Светлая")
        DARK = "dark", _("Тёмная")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        primary_key=True,
        related_name="preference",
        verbose_name=_("Человек"),
    )
    language = models.CharField(_("Язык"), max_length=8, choices=Language, default=Language.RUSSIAN)
    theme = models.CharField(_("Тема"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    #: '' for the time zone of the cabinet.
    time_zone = models.CharField(
        _("Часовой пояс"),
        max_length=64,
        blank=True,
        default="",
        validators=[validate_time_zone],
    )

    class Meta:
        verbose_name = _("предпочтения")
        verbose_name_plural = _("предпочтения")

    def __str__(self) -> str:
        return f"{self.user_id} · {self.language} · {self.theme}"
