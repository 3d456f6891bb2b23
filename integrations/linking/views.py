"""Views of linking an account: the redirect to Yandex, the callback, the page of a failure."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from integrations.limits.web_slots import NoFreeSlot, acquire
from integrations.linking import flow
from integrations.linking import state as oauth_state
from integrations.linking.callback import CallbackParams
from integrations.linking.errors import PAGES, LinkFailed, LinkFailure
from integrations.linking.flow import Linked
from integrations.linking.rate_limit import is_over_limit
from integrations.linking.state import Actor
from integrations.models import LinkAttempt, YandexAccount

#: Session key: the pk of the account that the last failed attempt was to reconnect.
FAILED_ACCOUNT = "yandex_link_failed_account"


@require_POST
@manage_required
@same_cabinet
def link_start(request: CabinetRequest) -> HttpResponse:
    """Redirect to Yandex's consent page to choose an account."""
    return _to_yandex(request, account=None)


@require_POST
@manage_required
def link_reauthorise(request: CabinetRequest, pk: int) -> HttpResponse:
    """Redirect to Yandex's consent page for this account."""
    return _to_yandex(request, account=get_object_or_404(request.cabinet.yandex_accounts, pk=pk))


@never_cache
@require_GET
@login_not_required
def link_callback(request: HttpRequest) -> HttpResponse:
    """Process Yandex's redirect, then redirect to an address without its parameters.

    A callback that belongs to no attempt of this browser is refused at once. Anonymous requests
    are accepted only to be refused: a redirect to the sign-in page would copy the code into its
    address.
    """
    try:
        response = _finish(request)
    except LinkFailed as failed:
        response = failure_page(request, failed.reason)
    response["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_GET
def link_result(request: HttpRequest, reason: str) -> HttpResponse:
    """Show why an attempt ended without a link."""
    if reason not in PAGES:
        raise Http404
    return failure_page(request, LinkFailure(reason), account=_failed_account(request))


def failure_page(
    request: HttpRequest, reason: LinkFailure, *, account: YandexAccount | None = None
) -> HttpResponse:
    """Show the reason in our own words; text from Yandex is never shown.

    With ``account``, the one that was being reconnected, the button tries that again.
    """
    page = PAGES[reason]
    content: dict[str, Any] = {
        "title": page.title,
        "text": page.text,
        "next_url": reverse(page.next.url_name),
        "next_label": page.next.label,
    }
    if account is not None:
        content |= {
            "next_url": reverse("integrations:link-reauthorise", args=[account.pk]),
            "next_label": _("Переподключить %(login)s") % {"login": account.login},
            "next_is_post": True,
        }
    return render(request, "integrations/link_result.html", content, status=page.status)


def _to_yandex(request: CabinetRequest, *, account: YandexAccount | None) -> HttpResponse:
    if is_over_limit(request, "start"):
        return failure_page(request, LinkFailure.TOO_MANY)
    try:
        return _see_other(flow.begin(_actor(request), account=account, now=timezone.now()))
    except LinkFailed as failed:
        return failure_page(request, failed.reason)


def _finish(request: HttpRequest) -> HttpResponse:
    """Check whose attempt it is before anything else, so that a forged callback ends no attempt.

    Raises LinkFailed while there is no attempt; a later failure is a redirect to its own page.
    """
    try:
        with acquire():
            return _finish_in_slot(request)
    except NoFreeSlot:
        # The attempt still exists: loading the same address again finishes it.
        raise LinkFailed(LinkFailure.YANDEX_SLOW) from None


def _finish_in_slot(request: HttpRequest) -> HttpResponse:
    params, attempt = _pop_attempt(request)
    try:
        return _after_link(request, _complete(attempt, params))
    except LinkFailed as failed:
        _remember_account(request, attempt)
        return _see_other(reverse("integrations:link-result", args=[failed.reason]))


def _pop_attempt(request: HttpRequest) -> tuple[CallbackParams, LinkAttempt]:
    if not request.user.is_authenticated:
        raise LinkFailed(LinkFailure.SIGNED_OUT)
    if is_over_limit(request, "callback"):
        raise LinkFailed(LinkFailure.TOO_MANY)
    params = CallbackParams.from_query(request.GET)
    of_cabinet = cast(CabinetRequest, request)
    if of_cabinet.membership is None or not of_cabinet.membership.can_manage:
        raise LinkFailed(LinkFailure.NOT_ALLOWED)
    now = timezone.now()
    return params, oauth_state.pop_attempt(_actor(of_cabinet), state=params.state, now=now)


def _complete(attempt: LinkAttempt, params: CallbackParams) -> Linked:
    if params.error:
        raise LinkFailed(flow.failure_of(params.error))
    if not params.code:
        raise LinkFailed(LinkFailure.CODE_MISSING)
    return flow.complete(attempt, code=params.code, now=timezone.now())


def _after_link(request: HttpRequest, linked: Linked) -> HttpResponse:
    login = linked.account.login
    if linked.is_new:
        messages.success(request, _("Аккаунт %(login)s подключён.") % {"login": login})
        return _see_other(reverse("counters:add", args=[linked.account.pk]))
    messages.success(
        request,
        _("Аккаунт %(login)s уже был в кабинете, доступ к нему обновлён.") % {"login": login},
    )
    return _see_other(reverse("counters:list"))


def _remember_account(request: HttpRequest, attempt: LinkAttempt) -> None:
    """Keep in the session which account the failed attempt was to reconnect, None for a new one."""
    accounts = attempt.cabinet.yandex_accounts.filter(yandex_uid=attempt.expected_uid)
    pk = accounts.values_list("pk", flat=True).first() if attempt.expected_uid else None
    request.session[FAILED_ACCOUNT] = pk


def _failed_account(request: HttpRequest) -> YandexAccount | None:
    """Return that account, if it is of this cabinet and the person may reconnect it."""
    pk = request.session.get(FAILED_ACCOUNT)
    membership = cast(CabinetRequest, request).membership
    if pk is None or membership is None or not membership.can_manage:
        return None
    return membership.cabinet.yandex_accounts.filter(pk=pk).first()


def _actor(request: CabinetRequest) -> Actor:
    return Actor(user=request.user, cabinet=request.cabinet, session=request.session)


def _see_other(url: str) -> HttpResponse:
    # 303: the browser follows with a GET, whatever the method of this request.
    return HttpResponseRedirect(url, status=303)
