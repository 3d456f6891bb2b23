"""The external id of a call: CallKeeper's own, else a hash of what never changes. Pure."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from calls.ingest.parsing.fields import (
    Item,
    Unusable,
    is_rounded,
    present,
    read_identifier,
    read_phone,
    read_text,
)
from calls.ingest.parsing.json_values import canonical, digest

MAX_EXTERNAL_ID = 128
#: An id of one service; with the service in front it fits into MAX_EXTERNAL_ID.
MAX_SERVICE_ID = 64
MAX_SERVICE = 32
#: Digits by which phones are compared: without the country code, which some senders leave out.
COMPARED_DIGITS = 10
CALLBACK, CALL_TRACKING = "callback", "calltracking"
#: Ids that name their service, and those of the older export and the webhooks, which do not.
SERVICE_IDS = {"ctCallId": CALL_TRACKING, "cbCallId": CALLBACK}
BARE_IDS = ("callId", "id")
#: What tells the service of a record without `serviceType`.
CALLBACK_FIELDS = ("hook_event", "widget_hash", "cbWidgetHash")
TRACKING_FIELDS = ("routePhone", "calltracking_number")
CALLBACK_WORDS = ("обратн", "callback")
TRACKING_WORDS = ("трекинг", "tracking", "динамич", "статич", "dynamic", "static")


def universal_id(item: Item) -> str:
    """Return CallKeeper's id across its services, "" when it is missing. Raises Unusable."""
    is_named = present(item, "universalId")[1] != ""
    text = read_text(item, "universalId")
    if is_rounded(text):
        sentence = _("Пришло «%(came)s» — число с порядком (экспонентой): его цифры потеряны.")
        needed = _("Нужен текст или целое число до 128 знаков.")
        came = sentence % {"came": text[:MAX_EXTERNAL_ID]}
        raise Unusable("bad_universal_id", "universalId", f"{came} {needed}")
    if len(text) > MAX_EXTERNAL_ID or (is_named and not text):
        raise Unusable(
            "bad_universal_id", "universalId", _("Нужен текст или целое число до 128 знаков.")
        )
    return "" if text == "0" else text


def service_id(item: Item) -> str:
    """Return CallKeeper's id of the call in one of its services, "" when it is missing.

    The service stands in front, as ids of two services may be equal: `calltracking-559`,
    `callback-990077`. A bare `callId` or `id` counts when the record tells its service.
    """
    for name in _ordered_service_ids(item):
        if text := _usable_id(item, name):
            return f"{SERVICE_IDS[name]}-{text}"
    bare = next(filter(None, (_usable_id(item, name) for name in BARE_IDS)), "")
    service = _service(item)
    return f"{service}-{bare}" if bare and service else ""


def readable_id(item: Item) -> str:
    """Return the id of a record that cannot become a call, "" when none can be read."""
    universal = read_identifier(item, "universalId", limit=MAX_EXTERNAL_ID)
    return universal if universal not in ("", "0") else service_id(item)


def id_field(item: Item) -> str:
    """Return the field that names the call; `universalId`, which should, when none does."""
    names = ("universalId", *_ordered_service_ids(item), *BARE_IDS)
    return next((name for name in names if _usable_id(item, name)), names[0])


def derived_id(*, source_id: str, started_at: datetime, number: str) -> str:
    """Return the id of a call that has no other: the same source, start and client's number.

    The line, the duration, the status and the tags of a call change, and so does the country of the
    source, by which the number is completed: its last ten digits stay.
    """
    facts = [source_id, started_at.isoformat(), compared_digits(read_phone(number))]
    return f"auto-{digest(canonical(facts))[:32]}"


def compared_digits(phone: str) -> str:
    """Return the digits by which phones are compared."""
    return "".join(filter(str.isdecimal, phone))[-COMPARED_DIGITS:]


def _ordered_service_ids(item: Item) -> list[str]:
    """Return the fields of `SERVICE_IDS`, that of the record's own service first."""
    service = _service(item)
    return sorted(SERVICE_IDS, key=lambda name: SERVICE_IDS[name] != service)


def _usable_id(item: Item, name: str) -> str:
    limit = MAX_EXTERNAL_ID if name == "universalId" else MAX_SERVICE_ID
    text = read_identifier(item, name, limit=limit)
    return "" if text == "0" else text


def _service(item: Item) -> str:
    """Return the service of the record, "" when nothing tells it."""
    if service := read_text(item, "serviceType", limit=MAX_SERVICE).lower():
        return service
    words = read_text(item, "callType", "call_type").lower()
    if any(word in words for word in CALLBACK_WORDS) or _has(item, CALLBACK_FIELDS):
        return CALLBACK
    is_tracking = any(word in words for word in TRACKING_WORDS) or _has(item, TRACKING_FIELDS)
    return CALL_TRACKING if is_tracking else ""


def _has(item: Item, names: tuple[str, ...]) -> bool:
    return bool(present(item, *names)[1] != "")
