"""Confirming the address that a person named when they joined by an invitation."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import emails
from accounts.mail import is_mail_configured, send_later
from cabinets.rate_limit import RateLimit, consume

#: Links of one person.
PER_PERSON = RateLimit("email_link", 5, 3600)


@require_POST
def send_link(request: HttpRequest) -> HttpResponse:
    """Send the person the link once more."""
    address = emails.unconfirmed(_person(request))
    if address is None:
        _tell_nothing_to_confirm(request)
    elif not is_mail_configured():
        messages.warning(request, _("Эта установка не отправляет писем."))
    elif consume(PER_PERSON, str(_person(request).pk), now=timezone.now().timestamp()):
        messages.warning(request, _("За час отправлено слишком много писем. Повторите позже."))
    else:
        message = emails.confirmation_message(address)
        if send_later(lambda: [message]):
            text = _("Ссылка отправляется на %(email)s. Письма нет? Загляните в «Спам».")
            messages.success(request, text % {"email": address.email})
        else:
            messages.warning(request, _("Письмо не отправлено: повторите через минуту."))
    return _to_security()


@never_cache
@require_http_methods(["GET", "POST"])
def confirm_email(request: HttpRequest, key: str) -> HttpResponse:
    """Ask (GET), or confirm the address (POST).

    Only for the person who named it: whoever else gets the e-mail has no sign-in here.
    """
    person = _person(request)
    if emails.unconfirmed(person) is None:
        _tell_nothing_to_confirm(request)
        return _to_security()
    address = emails.address_of_link(key, person)
    if address is None:
        return render(request, "registration/email_link_ended.html", status=410)
    if request.method == "GET":
        return render(request, "registration/email_confirm.html", {"address": address.email})
    if emails.confirm(address, actor=person):
        messages.success(request, _("Почта подтверждена: письма теперь приходят на неё."))
    else:
        text = _(
            "С этой почтой уже есть другой вход. Войдите с ним или напишите в поддержку:"
            " %(support)s"
        )
        messages.warning(request, text % {"support": settings.SUPPORT_EMAIL})
    return _to_security()


def _tell_nothing_to_confirm(request: HttpRequest) -> None:
    """Name the address: the link may be for another one, of another login."""
    email = _person(request).email
    text = _("Ваша почта %(email)s уже подтверждена.") if email else _("Почта не указана.")
    messages.info(request, text % {"email": email})


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _to_security() -> HttpResponse:
    return HttpResponseRedirect(reverse("mfa_index"), status=303)
