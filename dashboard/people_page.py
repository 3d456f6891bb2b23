"""«Люди»: who is in the cabinet, roles, invitations, leaving, handing the cabinet over."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import emails
from accounts.emails import unconfirmed
from accounts.invitation_mail import link_of, message_of
from accounts.mail import is_mail_configured, send_later
from cabinets import invitations
from cabinets import people as cabinet_people
from cabinets.access import (
    CabinetRequest,
    cabinet_required,
    manage_required,
    owner_required,
    same_cabinet,
)
from cabinets.forms import InviteForm
from cabinets.invitations import TooManyInvitations
from cabinets.models import Invitation, Membership
from cabinets.people import (
    LastOwner,
    NotAllowed,
    PersonGone,
    masked_email,
    may_change,
    members_of,
    name_of,
)
from cabinets.rate_limit import RateLimit, consume
from cabinets.sealing import UnsealFailed

#: E-mails with invitations of one cabinet.
PER_CABINET = RateLimit("invitation_mail", 30, 3600)


@require_GET
@cabinet_required
def people(request: CabinetRequest) -> HttpResponse:
    """Show the people, and to those who may invite the open invitations with their links."""
    members = members_of(request.cabinet)
    own = request.membership
    if own.can_manage:
        prefetch_related_objects(members, emails.RELATED)
    opened = invitations.open_invitations(request.cabinet, members) if own.given_roles else []
    context = {
        "rows": [_member_row(own, one) for one in members],
        "invitations": [_invitation_row(own, one) for one in opened],
        "roles": [one for one in Membership.Role.choices if one[0] in own.given_roles],
        "is_owner": own.role == Membership.Role.OWNER,
    }
    return render(request, "cabinets/people.html", context)


def _member_row(own: Membership, one: Membership) -> dict[str, Any]:
    is_own = one.pk == own.pk
    return {
        "member": one,
        "name": name_of(one.user, sees_all=own.can_manage),
        "email": one.user.email if own.can_manage else masked_email(one.user.email),
        "is_unconfirmed": own.can_manage and unconfirmed(one.user) is not None,
        "is_own": is_own,
        "may_change": not is_own and may_change(own, one),
        # A manager has one role to give: there is nothing to choose.
        "may_choose": not is_own and own.role == Membership.Role.OWNER,
    }


def _invitation_row(own: Membership, one: Invitation) -> dict[str, Any]:
    may_use = one.role in own.given_roles
    is_over = one.expires_at <= timezone.now()
    return {
        "invitation": one,
        "inviter": name_of(one.invited_by, sees_all=own.can_manage) if one.invited_by else "",
        "is_over": is_over,
        "may_revoke": may_use,
        "link": _link(one) if may_use and not is_over else "",
    }


def _link(one: Invitation) -> str:
    """Return the link; '' when no key opens it any more: it can still be revoked."""
    try:
        return link_of(one)
    except UnsealFailed:
        return ""


@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def invite(request: CabinetRequest) -> HttpResponse:
    """Show the form (GET), or make the link and send it to the address if one is given (POST)."""
    form = InviteForm(request.POST or None, own=request.membership)
    if request.method == "POST" and form.is_valid():
        problem = _invite(request, form)
        if not problem:
            return _to_list()
        form.add_error(None, problem)
    context = {"form": form, "is_owner": request.membership.role == Membership.Role.OWNER}
    return render(request, "cabinets/person_invite.html", context)


def _invite(request: CabinetRequest, form: InviteForm) -> str:
    """Make the invitation; return why not, '' when it was made."""
    now = timezone.now()
    sends = bool(form.cleaned_data["email"]) and is_mail_configured()
    if sends and consume(PER_CABINET, str(request.cabinet.pk), now=now.timestamp()):
        return _("За час отправлено слишком много приглашений. Сотрите почту и передайте ссылку.")
    try:
        made, is_new = invitations.invite(
            cabinet=request.cabinet, actor=request.user, now=now, **form.cleaned_data
        )
    except TooManyInvitations:
        return _("Действуют уже 50 приглашений. Отзовите ненужные и повторите.")
    except NotAllowed:
        return _not_allowed()
    if is_new:
        messages.success(
            request, _made(made, sends=sends, inviter=name_of(request.user, sees_all=True))
        )
    return ""


def _made(made: Invitation, *, sends: bool, inviter: str) -> str:
    message = message_of(made, inviter) if sends else None
    if message is not None and send_later(lambda: [message]):
        text = _(
            "Приглашение отправляется на %(email)s. Если письмо не дойдёт, передайте ссылку:"
            " она в списке приглашений."
        )
        return text % {"email": made.email}
    return _("Ссылка готова: скопируйте её в списке приглашений и передайте человеку.")


@require_POST
@manage_required
def revoke(request: CabinetRequest, pk: int) -> HttpResponse:
    """End an open invitation."""
    get_object_or_404(request.cabinet.invitations.only("pk"), pk=pk)
    try:
        is_done = invitations.revoke(
            cabinet=request.cabinet, actor=request.user, invitation_pk=pk, now=timezone.now()
        )
    except NotAllowed:
        messages.warning(request, _not_allowed())
        return _to_list()
    if is_done:
        messages.success(request, _("Приглашение отозвано: по его ссылке больше не войти."))
    else:
        messages.info(request, _("Приглашение уже использовано или отозвано."))
    return _to_list()


@require_POST
@manage_required
def change_role(request: CabinetRequest, pk: int) -> HttpResponse:
    """Give a person another role."""
    role = request.POST.get("role", "")
    try:
        member = cabinet_people.change_role(
            cabinet=request.cabinet, actor=request.user, member_pk=pk, role=role
        )
    except NotAllowed:
        messages.warning(request, _not_allowed())
    except PersonGone:
        _told_or_404(request, pk)
    else:
        text = _("%(name)s: теперь роль «%(role)s».")
        words = {"name": name_of(member.user, sees_all=True), "role": member.get_role_display()}
        messages.success(request, text % words)
    return _to_list()


@require_http_methods(["GET", "POST"])
@manage_required
def remove(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain what removing a person does (GET), or do it (POST)."""
    if request.method == "GET":
        return render(request, "cabinets/person_remove.html", _person(request, pk))
    try:
        member = cabinet_people.remove(cabinet=request.cabinet, actor=request.user, member_pk=pk)
    except NotAllowed:
        messages.warning(request, _not_allowed())
    except PersonGone:
        _told_or_404(request, pk)
    else:
        text = _("%(name)s больше не видит этот кабинет.")
        messages.success(request, text % {"name": name_of(member.user, sees_all=True)})
    return _to_list()


@require_http_methods(["GET", "POST"])
@owner_required
def hand_over(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain handing the cabinet over (GET), or do it (POST)."""
    if request.method == "GET":
        return render(request, "cabinets/person_owner.html", _person(request, pk))
    try:
        member = cabinet_people.hand_over(cabinet=request.cabinet, actor=request.user, member_pk=pk)
    except NotAllowed:
        messages.warning(request, _not_allowed())
    except PersonGone:
        _told_or_404(request, pk)
    else:
        text = _("Владелец кабинета теперь %(name)s, а вы — управляющий.")
        messages.success(request, text % {"name": name_of(member.user, sees_all=True)})
    return _to_list()


@require_http_methods(["GET", "POST"])
@cabinet_required
@same_cabinet
def leave(request: CabinetRequest) -> HttpResponse:
    """Explain leaving the cabinet (GET), or leave it (POST); its only owner cannot (409)."""
    if request.method == "GET":
        owners = request.cabinet.memberships.filter(role=Membership.Role.OWNER)
        is_last = not owners.exclude(pk=request.membership.pk).exists()
        return render(request, "cabinets/leave.html", {"is_last_owner": is_last})
    try:
        cabinet_people.leave(cabinet=request.cabinet, actor=request.user)
    except LastOwner:
        return render(request, "cabinets/leave.html", {"is_last_owner": True}, status=409)
    except PersonGone:
        pass  # pressed twice
    text = _("Вы вышли из кабинета «%(name)s».")
    messages.success(request, text % {"name": request.cabinet.name})
    return HttpResponseRedirect(reverse("integrations:dashboard"), status=303)


def _person(request: CabinetRequest, pk: int) -> dict[str, Any]:
    members = request.cabinet.memberships.select_related("user")
    member = get_object_or_404(members, pk=pk)
    if member.pk == request.membership.pk:
        raise Http404
    return {"member": member, "name": name_of(member.user, sees_all=True)}


def _told_or_404(request: CabinetRequest, pk: int) -> None:
    """Say that the person has left; 404 for a person who never was in this cabinet."""
    was_here = request.cabinet.audit_events.filter(action="membership.deleted", object_id=str(pk))
    if not was_here.exists():
        raise Http404
    messages.info(request, _("Этого человека в кабинете уже нет."))


def _not_allowed() -> str:
    return _("Не изменено: ваша роль этого не позволяет. Попросите владельца кабинета.")


def _to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("cabinets:people"), status=303)
