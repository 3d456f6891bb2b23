"""Views of `/lk/integrations` and of disconnecting an account, which show calls and counters."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from dashboard import integrations_page
from dashboard.consequences import of_disconnecting
from dashboard.first_steps import first_steps
from integrations.linking import flow
from integrations.models import YandexAccount

#: Where a person sees and withdraws what they allowed, also when our own revocation failed.
DATA_ACCESS_URL = "https://id.yandex.ru/personal/data-access"


@require_GET
@cabinet_required
def dashboard(request: CabinetRequest) -> HttpResponse:
    """Show the first steps, the card of the integration and the notices that need a person.

    With ``part=steps`` the first steps alone, which the page asks for again and again.
    """
    steps = {"first_steps": first_steps(request.cabinet)}
    if request.GET.get("part") == "steps":
        return render(request, "integrations/_first_steps.html", steps)
    context = steps | integrations_page.page_context(request.cabinet)
    return render(request, "integrations/dashboard.html", context)


@require_http_methods(["GET", "POST"])
@manage_required
def disconnect(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain what disconnecting means (GET), or do it (POST)."""
    linked = request.cabinet.yandex_accounts.linked()
    account = get_object_or_404(linked, pk=pk)
    if request.method == "GET":
        page = {"account": account, "consequences": of_disconnecting(account)}
        return render(request, "integrations/account_disconnect.html", page)
    try:
        is_revoked = flow.disconnect(account, user=request.user, now=timezone.now())
    except YandexAccount.DoesNotExist:
        raise Http404 from None
    _notify_disconnected(request, account, is_revoked)
    return HttpResponseRedirect(reverse("counters:list"), status=303)


def _notify_disconnected(request: HttpRequest, account: YandexAccount, is_revoked: bool) -> None:
    words = {"login": account.login, "url": DATA_ACCESS_URL}
    if is_revoked:
        messages.success(request, _("Аккаунт %(login)s отключён.") % words)
        return
    messages.warning(
        request,
        _(
            "Аккаунт %(login)s отключён, ключи удалены. Яндекс не подтвердил отзыв доступа:"
            " проверьте список приложений на %(url)s."
        )
        % words,
    )
