"""The page of an invitation: joins the cabinet as who is signed in, or as a new person."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import emails
from accounts.acting import acting
from accounts.invitation_forms import TAKEN, NewLoginForm
from accounts.invitation_mail import PROOF
from accounts.mail import is_mail_configured, send_later
from cabinets import invitations
from cabinets.access import CHOSEN_CABINET
from cabinets.invitations import AlreadyMember, InvitationEnded
from cabinets.models import Invitation, Membership
from cabinets.people import name_of
from cabinets.rate_limit import RateLimit, consume

#: Forms of new people per link: the answer tells whether an address has a login.
PER_LINK = RateLimit("invitation_form", 20, 3600)


@never_cache
@sensitive_post_parameters()
@login_not_required
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Explain the invitation (GET), or accept it (POST); 410 when the link works no more."""
    found = invitations.find(token)
    if found is None:
        return _ended_page(request)
    if request.user.is_authenticated:
        return _signed_in(request, found)
    if not invitations.is_open(found, now=timezone.now()):
        return _ended_page(request)
    return _new_person(request, found)


def _signed_in(request: HttpRequest, found: Invitation) -> HttpResponse:
    user = cast(User, request.user)
    if request.method == "POST":
        # The name of the way: the path would bring the token into the audit trail.
        with acting("invitation link", lambda: user):
            return _accept(request, found, user)
    is_member = Membership.objects.filter(cabinet=found.cabinet_id, user=user).exists()
    if not is_member and not invitations.is_open(found, now=timezone.now()):
        return _ended_page(request)
    return _page(request, found, {"is_member": is_member, "person": name_of(user, sees_all=True)})


def _new_person(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = NewLoginForm(request.POST or None, initial={"email": found.email})
    if request.method == "GET":
        return _page(request, found, {"form": form})
    if consume(PER_LINK, found.digest[:32], now=timezone.now().timestamp()):
        form.add_error(None, _("Слишком много попыток. Попробуйте через час."))
        return _page(request, found, {"form": form}, status=429)
    if not form.is_valid():
        return _page(request, found, {"form": form})
    user = form.unsaved_user()
    is_confirmed = emails.is_proven(found, user.email, request.GET.get(PROOF, ""))
    try:
        with acting("invitation link", lambda: user), transaction.atomic():
            user.save()
            emails.add_address(user, is_confirmed=is_confirmed)
            response = _accept(request, found, user)
    except InvitationEnded:
        return _ended_page(request)
    except IntegrityError:  # the same address, at the same time, by another link
        form.add_error("email", TAKEN)
        return _page(request, found, {"form": form})
    _ask_to_confirm(request, user)
    return response


def _ask_to_confirm(request: HttpRequest, user: User) -> None:
    """Send the link that confirms the address, unless that is done; say so."""
    address = emails.unconfirmed(user)
    if address is None or not is_mail_configured():
        return
    message = emails.confirmation_message(address)
    if send_later(lambda: [message]):
        text = _(
            "Подтвердите почту: на %(email)s отправляется письмо со ссылкой. До этого уведомления и"
            " ссылка для нового пароля на неё не приходят."
        )
        messages.info(request, text % {"email": address.email})


def _accept(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    """Join, choose the cabinet and lead there. Raises InvitationEnded for a new person."""
    try:
        membership = invitations.accept(found, user=user, now=timezone.now())
    except AlreadyMember:
        text = _("Вы уже в кабинете «%(name)s». Приглашение осталось неиспользованным.")
        messages.info(request, text % {"name": found.cabinet.name})
    except InvitationEnded:
        if not request.user.is_authenticated:
            raise
        return _ended_page(request)
    else:
        text = _("Вы в кабинете «%(name)s». Ваша роль: %(role)s.")
        words = {"name": found.cabinet.name, "role": membership.get_role_display().lower()}
        messages.success(request, text % words)
    if not request.user.is_authenticated:
        login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session[CHOSEN_CABINET] = found.cabinet_id
    return HttpResponseRedirect(reverse("integrations:dashboard"), status=303)


def _page(
    request: HttpRequest, found: Invitation, values: dict[str, Any], status: int = 200
) -> HttpResponse:
    context = values | {
        "invitation": found,
        "inviter": name_of(found.invited_by, sees_all=True) if found.invited_by else "",
        "cabinet_name": found.cabinet.name,
    }
    return render(request, "registration/cabinet_invitation.html", context, status=status)


def _ended_page(request: HttpRequest) -> HttpResponse:
    return render(request, "registration/cabinet_invitation_ended.html", status=410)
