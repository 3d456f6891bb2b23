"""Door for somebody who has had a right given back in Metrika and will not wait for the clock."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, manage_required
from counters.models import Counter
from counters.pages.flash_messages import tell_access
from counters.pages.redirects import came_from
from counters.sync.sync import look_at_once
from integrations.api_call import NotAnswered
from integrations.models import YandexAccount


@require_POST
@manage_required
def check_access(request: CabinetRequest, account_pk: int) -> HttpResponse:
    """Ask Metrika what the account may do with its counters now."""
    linked = request.cabinet.yandex_accounts.exclude(state=YandexAccount.State.DISCONNECTED)
    account = get_object_or_404(linked, pk=account_pk)
    back = HttpResponseRedirect(came_from(request, reverse("counters:list")))
    try:
        look_at_once(account.pk, now=timezone.now())
    except NotAnswered as problem:
        messages.error(request, str(problem))
        return back
    without = account.counters.filter(removed_at__isnull=True).exclude(access=Counter.Access.OK)
    tell_access(request, list(without.order_by("name").values_list("name", flat=True)))
    return back
