"""Template context of the rows of a history: a call each, with a cell for each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.decision.reasons import hide_personal_data
from calls.models import Call
from calls.pages.badge import badge_of, same_second_text
from calls.pages.help_codes import help_code_of, help_code_of_link
from calls.pages.proved import row_result, shown_sentence
from calls.pages.sent_changes import changed_text, changes_of
from calls.pages.upload_page import sent_at_of
from calls.phones import shown_phone
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import DisplayDelivery
from calls.queries.history_rows import HistoryRow
from calls.queries.link_proofs import Link, link_of
from calls.queries.same_second import SameSecond, same_second
from calls.states import Channel, DisplayState
from counters.models import Counter

#: States of a row that is not with Metrika yet: what blocks its counter concerns it.
BLOCKABLE = {DisplayState.WAITING, DisplayState.HELD, DisplayState.BATCHED}


def channels_of(channel: int | None) -> list[Channel]:
    """Return the channels that have a column: the one that is chosen, or all."""
    return list(Channel) if channel is None else [Channel(channel)]


def rows_context(
    rows: Sequence[HistoryRow],
    counter: Counter,
    channels: Sequence[Channel],
    *,
    now: datetime,
    sees_phones: bool,
) -> list[dict[str, Any]]:
    """Return a dict for each call; its `cells` are in the order of ``channels``.

    A cell of a channel without a delivery has only the name of the channel. Without ``sees_phones``
    personal data is masked, also in the deliveries themselves.
    """
    deliveries = [one for row in rows for one in row.deliveries]
    for one in deliveries:
        one.counter = counter  # its settings are read without a query for each row
    # Only deliveries that are not with Metrika yet can be blocked.
    is_blockable = any(one.display_state in BLOCKABLE for one in deliveries)
    blocker = blocker_of(counter, now=now) if is_blockable else ""
    pairs = same_second(deliveries)
    if not sees_phones:
        hide_personal_data(deliveries)
    changes = changes_of(deliveries, is_whole=sees_phones)
    links = link_of(deliveries)

    def cell(delivery: DisplayDelivery) -> dict[str, Any]:
        is_goal = delivery.channel == Channel.GOAL
        return cell_of(
            delivery,
            blocker=of_channel(counter, delivery.channel, blocker),
            pair=pairs.get((delivery.call_id, counter.pk)) if is_goal else None,
            sees_phones=sees_phones,
            changed=changed_text(changes, delivery),
            link=links.get(delivery.pk),
        )

    return [
        _call(row, sees_phones=sees_phones) | {"cells": _cells(row, channels, cell)} for row in rows
    ]


def _cells(
    row: HistoryRow,
    channels: Sequence[Channel],
    cell: Callable[[DisplayDelivery], dict[str, Any]],
) -> list[dict[str, Any]]:
    by_channel = {one.channel: one for one in row.deliveries}
    return [
        {"channel_text": str(channel.label)}
        | (cell(by_channel[channel]) if channel in by_channel else {})
        for channel in channels
    ]


def _call(row: HistoryRow, *, sees_phones: bool) -> dict[str, Any]:
    call = row.call
    return {
        "url": reverse("calls:journey", args=[call.pk]),
        "at": call.started_at,
        "counted_on": counted_on(call),
        "kind_text": call.kind_text,
        "phone": shown_phone(call.phone, call.phone_text, is_whole=sees_phones),
        "duration": call.duration_seconds,
    }


def counted_on(call: Call) -> date | None:
    """Return the day that the call counts for, if a correction moved its start to another one."""
    day = timezone.localdate(call.partition_at)
    return day if day != timezone.localdate(call.started_at) else None


def cell_of(
    delivery: DisplayDelivery,
    *,
    blocker: str,
    pair: SameSecond | None,
    sees_phones: bool,
    changed: str,
    link: Link | None,
) -> dict[str, Any]:
    """Return what is shown of one delivery: its state, why, and the file that it is in."""
    upload = delivery.upload
    state_text, state_tone = badge_of(delivery, pair)
    return {
        "state_text": state_text,
        "state_tone": state_tone,
        "reason_text": shown_sentence(delivery, link, blocker=blocker),
        "help_code": help_code_of(delivery),
        "same_second_text": same_second_text(pair, is_whole=sees_phones) if pair else "",
        "changed_text": changed,
        "result_text": row_result(link),
        "result_help": help_code_of_link(link),
        "link": link,
        "upload_text": _("Выгрузка %(number)d") % {"number": upload.pk} if upload else "",
        "upload_url": reverse("calls:upload", args=[upload.pk]) if upload else "",
        "sent_at": sent_at_of(upload) if upload else None,
    }
