"""The page «Качество привязки»: a score of each counter, and what mending would bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.models import Cabinet
from calls.pages.quality_words import (
    TITLES,
    FactorWords,
    basis_text,
    gain_text,
    read_text,
    sent_text,
    share_text,
    tone_of,
    words_of,
)
from calls.queries import link_quality
from calls.queries.link_quality import DAYS, MOST_ROWS, Group, Volume
from calls.queries.quality_score import Factor, Quality, quality_of
from counters.models import Counter

#: Counters on one page; the others are linked, each has a page of its own.
MOST_COUNTERS = 20
#: A source is listed when a factor of it differs so much from that of its counter.
DIFFERENCE = 0.1


@dataclass(frozen=True)
class SourceWords:
    """A source that differs from its counter."""

    name: str
    score: str
    tone: str
    #: The factors that differ, in words.
    factors: list[str]


@dataclass(frozen=True)
class Card:
    """A counter on the page."""

    counter: Counter
    quality: Quality
    factors: list[FactorWords]
    sources: list[SourceWords]
    basis: str
    #: Which rows were read, and how many of them were sent.
    read: str
    sent: str

    @property
    def score(self) -> str:
        """The score with one decimal; '' without data."""
        return _score(self.quality)

    @property
    def tone(self) -> str:
        """The colour of the score."""
        return tone_of(self.quality.score)

    @property
    def best(self) -> Factor | None:
        """The factor whose mending brings most."""
        known = [one for one in self.quality.factors if one.gain and one.gain >= 1]
        return max(known, key=lambda one: one.gain or 0, default=None)


@require_safe
@cabinet_required
def quality(request: HttpRequest) -> HttpResponse:
    """Show the quality of the counters of the cabinet, or of one (`?counter=`)."""
    cabinet = cast(CabinetRequest, request).cabinet
    counters = list(cabinet.counters.present().order_by("name", "pk"))
    asked = request.GET.get("counter", "")
    chosen = [one for one in counters if str(one.pk) == asked]
    shown = chosen or counters[:MOST_COUNTERS]
    cards = _cards(cabinet, shown)
    context: dict[str, Any] = {
        "cards": cards,
        "others": [one for one in counters if one not in shown],
        "first": _first_step(cards),
        "days": DAYS,
        "most": MOST_ROWS,
        "has_calls": any(card.quality.calls for card in cards),
    }
    return render(request, "calls/quality.html", context)


def _cards(cabinet: Cabinet, counters: Sequence[Counter]) -> list[Card]:
    now, ids = timezone.now(), [one.pk for one in counters]
    by_counter: defaultdict[int, list[Group]] = defaultdict(list)
    groups = link_quality.groups(ids, now=now)
    for group in groups:
        by_counter[group.counter_id].append(group)
    volumes = link_quality.volumes(cabinet, ids, now=now) if groups else {}
    for pk, late in link_quality.late_before(groups, now=now).items():
        volumes[pk] = replace(volumes.get(pk, Volume()), late_before=late)
    names = dict(cabinet.call_sources.values_list("pk", "name"))
    return [
        _card(counter, by_counter[counter.pk], volumes.get(counter.pk, Volume()), names)
        for counter in counters
    ]


def _card(counter: Counter, groups: list[Group], volume: Volume, names: dict[int, str]) -> Card:
    found = quality_of(groups, volume)
    factors = [words_of(one, found) for one in found.factors]
    basis = basis_text(found, has_proof=counter.link_proof)
    sources = _sources(found, groups, names)
    return Card(counter, found, factors, sources, basis, read_text(found), sent_text(found))


def _sources(whole: Quality, groups: list[Group], names: dict[int, str]) -> list[SourceWords]:
    by_source: defaultdict[int, list[Group]] = defaultdict(list)
    for group in groups:
        if group.source_id is not None:
            by_source[group.source_id].append(group)
    if len(by_source) < 2:
        return []
    found = [(names.get(pk, ""), quality_of(some, None)) for pk, some in by_source.items()]
    rows = [
        SourceWords(name, _score(one), tone_of(one.score), differing)
        for name, one in found
        if (differing := _differing(one, whole))
    ]
    return sorted(rows, key=lambda row: row.name)


def _differing(source: Quality, whole: Quality) -> list[str]:
    of_whole = {one.code: one.share for one in whole.factors}
    return [
        _("%(factor)s: %(share)s") % {"factor": TITLES[one.code], "share": share_text(one)}
        for one in source.factors
        if one.code in of_whole and abs(one.share - of_whole[one.code]) >= DIFFERENCE
    ]


def _first_step(cards: list[Card]) -> dict[str, str]:
    """Return what mending brings most and the address of its card; {} if no gain is known."""
    known = [(card, card.best) for card in cards if card.best is not None]
    if not known:
        return {}
    card, best = max(known, key=lambda pair: (pair[1] and pair[1].gain) or 0)
    assert best is not None
    text = _(
        "Начните со счетчика «%(counter)s», строка «%(factor)s»: сейчас %(share)s. Если починить: "
        "%(gain)s."
    ) % {
        "counter": card.counter.name,
        "factor": TITLES[best.code],
        "share": share_text(best),
        "gain": gain_text(best, card.quality),
    }
    return {"text": text, "url": f"#quality-{card.counter.pk}"}


def _score(found: Quality) -> str:
    return "" if found.score is None else number_format(round(found.score, 1), 1)
