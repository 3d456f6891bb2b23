"""What changed in a call after its row was sent: the row as sent against the row of today.

Metrika has no method that updates or deletes a call, so what was sent stays
(https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls). Only what comes from the
call is compared: price, goal and the like follow the settings, which may have changed as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from calls.delivery.csv_writer import rows_of_calls
from calls.masking import Mask, masked_text, masked_value
from calls.models import Delivery
from calls.pages.sent_row import cells_of
from calls.pages.upload_preview import values_of
from calls.phones import masked_phone
from calls.queries.display_state import is_changed_after_send
from calls.states import Channel, IdKind
from counters.models import Counter

Key = tuple[int, int, int]
#: Deliveries that one page compares; more are marked as changed, without the values.
MOST = 50
#: Columns that come from the call, and how each is masked for people who may not see phones.
MASKS: dict[str, Mask | None] = {
    "ClientId": masked_value,
    "Yclid": masked_value,
    "UserId": masked_value,
    "DateTime": None,
    "PhoneNumber": masked_phone,
    "TalkDuration": None,
    "HoldDuration": None,
    "CallMissed": None,
    "Tag": masked_text,
    "FirstTimeCaller": None,
    "URL": masked_text,
}
#: Shown instead of an empty cell.
EMPTY = "—"


@dataclass(frozen=True)
class Change:
    """One value: as it was sent, and as it is now; both as this person may see them."""

    title: str
    sent: str
    now: str

    @property
    def text(self) -> str:
        """The change in words: field, sent value, present value."""
        words = {"field": self.title, "sent": self.sent, "now": self.now}
        return _("%(field)s: было %(sent)s, стало %(now)s") % words


def changes_of(deliveries: Iterable[Delivery], *, is_whole: bool) -> dict[Key, list[Change] | None]:
    """Return by (call, counter, channel) what differs from the row as sent.

    Only deliveries whose call changed after Metrika had its file are in it. An empty list: nothing
    that was sent has changed. None: not known, as of a file that is not stored. Load deliveries
    with call, upload and counter. One query, and one for each kind of file of a counter.
    """
    changed = [one for one in deliveries if is_changed_after_send(one.call, one)]
    compared = changed[:MOST]
    sent = values_of(
        (one.upload_id, one.row_number) for one in compared if one.upload_id and one.row_number
    )
    now = _rows_now(compared)
    found: dict[Key, list[Change] | None] = {key_of(one): None for one in changed}
    for one in compared:
        row = sent.get((one.upload_id or 0, one.row_number or 0))
        if row and key_of(one) in now:
            found[key_of(one)] = _changes(row, now[key_of(one)], one.counter, is_whole=is_whole)
    return found


def key_of(delivery: Delivery) -> Key:
    """Return what names a delivery: call, counter, channel."""
    return delivery.call_id, delivery.counter_id, delivery.channel


def changed_text(changes: Mapping[Key, list[Change] | None], delivery: Delivery) -> str:
    """Return what changed in one line; '' when nothing that was sent has changed."""
    found = changes.get(key_of(delivery), [])
    if found is None:
        return _("Какие значения ушли, неизвестно: файл этой выгрузки не сохранён.")
    return "; ".join(one.text for one in found) + "." if found else ""


def _rows_now(deliveries: Sequence[Delivery]) -> dict[Key, Mapping[str, str]]:
    """Return the row that each would have today, in its file's form."""
    groups: dict[tuple[int, int, int, bool], list[int]] = defaultdict(list)
    for one in deliveries:
        kind = one.id_kind or IdKind.CLIENT_ID
        groups[one.counter_id, one.channel, kind, one.is_static].append(one.call_id)
    rows: dict[Key, Mapping[str, str]] = {}
    for (counter, channel, kind, is_static), calls in groups.items():
        found = rows_of_calls(
            calls,
            counter_id=counter,
            channel=Channel(channel),
            id_kind=IdKind(kind),
            is_static=is_static,
        )
        rows |= {(call, counter, channel): row for call, row in found.items()}
    return rows


def _changes(
    sent: Mapping[str, str], now: Mapping[str, str], counter: Counter, *, is_whole: bool
) -> list[Change]:
    names = [name for name in MASKS if name in sent and _differs(name, sent, now, counter)]
    before = _shown({name: sent[name] for name in names}, is_whole=is_whole)
    after = _shown({name: now.get(name, "") for name in names}, is_whole=is_whole)
    return [Change(title, before[title], after[title]) for title in before]


def _differs(name: str, sent: Mapping[str, str], now: Mapping[str, str], counter: Counter) -> bool:
    old, new = sent[name], now.get(name, "")
    if name == "Tag" and counter.tag_mode != Counter.TagMode.CALLS:
        return False
    if name == "PhoneNumber" and (not new or "*" in old + new):
        # Masked or left out by the settings: the visible digits decide.
        return bool(old and new) and (old[:2], old[-4:]) != (new[:2], new[-4:])
    return old != new


def _shown(values: Mapping[str, str], *, is_whole: bool) -> dict[str, str]:
    """Return {title: value in words}, masked unless ``is_whole``."""
    shown = {}
    for cell in cells_of(values):
        mask = None if is_whole else MASKS[cell.column]
        value = mask(cell.value) if mask and cell.value else cell.words or cell.value
        shown[cell.title] = value or EMPTY
    return shown
