"""The rejected records of a source: the list, and the buttons that read them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from cabinets.models import CallSource
from cabinets.sealing import UnsealFailed
from calls.ingest.rejected import raw_of
from calls.mapping import flatten
from calls.masking import masked_text, masked_value
from calls.models import RejectedRecord
from calls.pages.sources.received_requests import shown_value
from calls.ways.replay import Replayed, replay_all, replay_one, replayable

PAGE = 50


@dataclass(frozen=True)
class Shown:
    """A rejected record as the person may see it; ``values``: path → value.

    ``external_id`` may be a phone, so it is masked like the values.
    """

    record: RejectedRecord
    reason: str
    external_id: str
    values: list[tuple[str, str]]
    can_replay: bool


@never_cache
@require_safe
@cabinet_required
def rejected_list(request: CabinetRequest, pk: int) -> HttpResponse:
    """List the rejected records that wait, the newest first."""
    source = _source(request, pk)
    waiting = RejectedRecord.objects.filter(source=source, replayed_at=None)
    page = Paginator(waiting.order_by("-last_at", "pk"), PAGE).get_page(request.GET.get("page"))
    sees_phones = request.membership.can_manage
    context = {
        "source": source,
        "more_url": f"{request.path}?page={page.next_page_number()}" if page.has_next() else "",
        "rows": [_shown(one, sees_phones=sees_phones) for one in page],
        "replayable": replayable(source).count(),
        "days": settings.REJECTED_DAYS,
    }
    return render(request, "calls/sources/rejected.html", context)


@require_POST
@manage_required
def replay_records(request: CabinetRequest, pk: int) -> HttpResponse:
    """Read one rejected record again, that of `record`, or all without it."""
    source, now = _source(request, pk), timezone.now()
    record = request.POST.get("record", "")
    if not record:
        done = replay_all(source, actor=request.user, now=now)
    elif record.isascii() and record.isdigit() and len(record) < 19:
        done = replay_one(source, int(record), actor=request.user, now=now)
    else:
        done = Replayed()
    _notify(request, done)
    return HttpResponseRedirect(reverse("calls:source-rejected", args=[source.pk]))


def _notify(request: CabinetRequest, done: Replayed) -> None:
    if not done.read:
        messages.warning(request, _("Читать снова нечего: записи уже прочитаны или не сохранены."))
        return
    text = _("Прочитано записей: %(read)d. Принято: %(accepted)d, снова отклонено: %(rejected)d.")
    words = {"read": done.read, "accepted": done.accepted, "rejected": done.rejected}
    add = messages.warning if done.rejected else messages.success
    add(request, text % words)


def _shown(record: RejectedRecord, *, sees_phones: bool) -> Shown:
    item = _item(record)
    values = flatten(item) if isinstance(item, dict) else {}
    return Shown(
        record,
        record.message if sees_phones else masked_text(record.message),
        record.external_id if sees_phones else masked_value(record.external_id),
        [(path, shown_value(one, sees_phones=sees_phones)) for path, one in values.items()],
        can_replay=item is not None,
    )


def _item(record: RejectedRecord) -> Any:
    """Return the record as it came, None when it was not kept or no key opens it."""
    try:
        return raw_of(str(record.raw))
    except UnsealFailed:
        return None


def _source(request: CabinetRequest, pk: int) -> CallSource:
    return get_object_or_404(request.cabinet.call_sources, pk=pk)
