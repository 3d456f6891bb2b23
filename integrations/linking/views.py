"""Views of linking an account: the redirect to Yandex, the callback, and why there is no link."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
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
from integrations.linking.callback import CallbackAnswer
from integrations.linking.errors import PAGES, LinkFailed, LinkFailure
from integrations.linking.flow import Linked
from integrations.linking.rate_limit import is_over_limit
from integrations.linking.state import Actor
from integrations.models import LinkAttempt, YandexAccount


@require_POST
@manage_required
@same_cabinet
def link_start(request: CabinetRequest) -> HttpResponse:
    """Send the browser to Yandex to choose an account."""
    return _to_yandex(request, account=None)


@require_POST
@manage_required
def link_reauthorise(request: CabinetRequest, pk: int) -> HttpResponse:
    """Send the browser to Yandex for this very account."""
    return _to_yandex(request, account=get_object_or_404(request.cabinet.yandex_accounts, pk=pk))


@never_cache
@require_GET
@login_not_required
def link_callback(request: HttpRequest) -> HttpResponse:
    """Take the answer of Yandex; go on to an address without it, whether there is a link or not.

    An answer to no attempt of this browser is refused here and now. Open to anonymous requests
    only for that: the sign-in page would carry the code on in its own address.
    """
    try:
        response = _finish(request)
    except LinkFailed as refused:
        response = failure_page(request, refused.reason)
    response["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_GET
def link_result(request: HttpRequest, reason: str) -> HttpResponse:
    """Say why an attempt ended without a link."""
    if reason not in PAGES:
        raise Http404
    return failure_page(request, LinkFailure(reason))


def failure_page(request: HttpRequest, reason: LinkFailure) -> HttpResponse:
    """Show why there is no link, in our own words: Yandex's are never repeated."""
    page = PAGES[reason]
    content = {
        "title": page.title,
        "text": page.text,
        "next_url": reverse(page.next.url_name),
        "next_label": page.next.label,
    }
    return render(request, "integrations/link_result.html", content, status=page.status)


def _to_yandex(request: CabinetRequest, *, account: YandexAccount | None) -> HttpResponse:
    if is_over_limit(request, "start"):
        return failure_page(request, LinkFailure.TOO_MANY)
    try:
        return _see_other(flow.begin(_actor(request), account=account, now=timezone.now()))
    except LinkFailed as refused:
        return failure_page(request, refused.reason)


def _finish(request: HttpRequest) -> HttpResponse:
    """Go through the checks in the one order that is safe: whose attempt it is comes before
    anything the answer says, so that a forged answer ends nobody's attempt.

    Raises LinkRefused while there is no attempt; what goes wrong after that has its own address.
    """
    try:
        with acquire():
            return _finish_in_slot(request)
    except NoFreeSlot:
        # The attempt is still there: opening the same address again finishes it.
        raise LinkFailed(LinkFailure.YANDEX_SLOW) from None


def _finish_in_slot(request: HttpRequest) -> HttpResponse:
    answer, attempt = _accept(request)
    try:
        return _after_link(request, _complete(attempt, answer))
    except LinkFailed as refused:
        return _see_other(reverse("integrations:link-result", args=[refused.reason]))


def _accept(request: HttpRequest) -> tuple[CallbackAnswer, LinkAttempt]:
    if not request.user.is_authenticated:
        raise LinkFailed(LinkFailure.SIGNED_OUT)
    if is_over_limit(request, "callback"):
        raise LinkFailed(LinkFailure.TOO_MANY)
    answer = CallbackAnswer.read(request.GET)
    return answer, _take(cast(CabinetRequest, request), state=answer.state)


def _complete(attempt: LinkAttempt, answer: CallbackAnswer) -> Linked:
    if answer.error:
        raise LinkFailed(flow.failure_of(answer.error))
    if not answer.code:
        raise LinkFailed(LinkFailure.CODE_MISSING)
    return flow.complete(attempt, code=answer.code, now=timezone.now())


def _take(request: CabinetRequest, *, state: str) -> LinkAttempt:
    if request.membership is None or not request.membership.can_manage:
        raise LinkFailed(LinkFailure.NOT_ALLOWED)
    return oauth_state.take(_actor(request), state=state, now=timezone.now())


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


def _actor(request: CabinetRequest) -> Actor:
    return Actor(user=_person(request), cabinet=request.cabinet, session=request.session)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # every view here is behind the sign-in


def _see_other(url: str) -> HttpResponse:
    # 303: whatever brought the browser here, it goes on with a GET.
    return HttpResponseRedirect(url, status=303)
