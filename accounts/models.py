"""Sessions of signed-in people, so that a person can see and end them."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _


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
