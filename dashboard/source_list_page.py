"""The page «Источники звонков»: the sources, and how many of their identifiers cannot be read."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.source_views import rows_of
from calls.queries.identifier_stats import (
    PERIOD,
    IdentifierCounts,
    identifier_stats,
)
from calls.queries.redecision import grouped
from calls.queries.stats import share_text
from calls.ways.pull.troubles import troubles_of
from dashboard.notices import about_empty_fields
from dashboard.ways_in import ways_in


@require_safe
@cabinet_required
def source_list(request: CabinetRequest) -> HttpResponse:
    """List the ways in and the cabinet's sources, in a constant number of queries.

    With ``part=ways`` the cards of the ways alone, which the page asks for again and again.
    """
    ways = ways_in(request.cabinet)
    if request.GET.get("part") == "ways":
        return render(request, "cabinets/_ways_in.html", {"ways": ways})
    stats = identifier_stats(request.cabinet, now=timezone.now())
    rows = [
        row | {"identifiers": _identifiers(stats.by_source.get(row["source"].pk))}
        for row in rows_of(request.cabinet)
    ]
    context = {
        "rows": rows,
        "ways": ways,
        "empty_fields": about_empty_fields(request.cabinet),
        "pull_troubles": troubles_of(request.cabinet),
        "days": PERIOD.days,
        "most_calls": grouped(stats.calls) if stats.is_limited else "",
    }
    return render(request, "cabinets/source_list.html", context)


def _identifiers(counts: IdentifierCounts | None) -> dict[str, str]:
    """Return the text about the source's identifiers and its tone; empty when none came."""
    if counts is None:
        return {"text": "", "tone": "neutral", "advice": ""}
    if not counts.unreadable:
        return {"text": _("все читаются"), "tone": "success", "advice": ""}
    text = _("не читается %(share)s, в %(unreadable)d из %(calls)d записей") % {
        "share": share_text(counts.unreadable, counts.calls),
        "unreadable": counts.unreadable,
        "calls": counts.calls,
    }
    return {"text": text, "tone": "danger", "advice": _advice(counts)}


def _advice(counts: IdentifierCounts) -> str:
    """Return which identifiers cannot be read, how to send them, and how many calls wait."""
    came = (
        (counts.client_ids, _("ClientID (%(count)d): передавайте текстом, одним номером.")),
        (counts.yclids, _("yclid (%(count)d): передавайте текстом, одним номером.")),
        (counts.user_ids, _("UserID (%(count)d): передавайте текстом, одной строкой.")),
    )
    parts = [sentence % {"count": count} for count, sentence in came if count]
    if counts.awaiting:
        text = _("Из них ждут исправленной записи или вашего решения: %(count)d.")
        parts.append(text % {"count": counts.awaiting})
    else:
        text = _("Ни один из этих звонков не ждёт исправленной записи или вашего решения.")
        parts.append(text)
    return " ".join(parts)
