"""The external id of a call: CallKeeper's own, else a hash of what never changes. Pure.

A field that came late brings a stronger id; the weaker ones, under which the call may be stored
already, are its aliases.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from calls.ingest.parsing.fields import (
    Item,
    Unusable,
    is_digits,
    is_rounded,
    present,
    read_identifier,
    read_phone,
    read_text,
)
from calls.ingest.parsing.former_id import beginning, derived_id, former_id
from calls.ingest.parsing.identifiers import is_absent

MAX_EXTERNAL_ID = 128
#: An id of one service; with the service in front it fits into MAX_EXTERNAL_ID.
MAX_SERVICE_ID = 64
MAX_SERVICE = 32
#: Digits by which phones are compared: without the country code, which some senders leave out.
COMPARED_DIGITS = 10
#: The client's number in the v3 API and in the older export.
PHONES = ("clientNumber", "clientPhone")
CALLBACK, CALL_TRACKING = "callback", "calltracking"
#: Ids that name their service, and those of the older export and the webhooks, which do not.
SERVICE_IDS = {"ctCallId": CALL_TRACKING, "cbCallId": CALLBACK}
BARE_IDS = ("callId", "id")
#: The prefix of a bare id in a record without `serviceType`. No other field tells the service:
#: those that hint at it come and go between the records of one call.
UNKNOWN_SERVICE = "call"
_SERVICE_FIELDS = (*SERVICE_IDS, *BARE_IDS)
#: Smaller numbers fit every limit of length.
_MAX_PLAIN = 2**63
ID_FIELDS = ("universalId", *SERVICE_IDS, *BARE_IDS)
#: The line that was called; it stands for a client without a number.
LINES = ("routePhone", "calltracking_number", "managerNumber")


def universal_id(item: Item) -> str:
    """Return CallKeeper's id across its services, "" when it is missing. Raises Unusable."""
    plain = item.get("universalId")
    if type(plain) is str and len(plain) <= MAX_EXTERNAL_ID and _is_plain(plain):
        return "" if plain == "0" else plain
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


def call_ids(
    item: Item, *, source_id: str, started_at: datetime, number: str, visitor: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the ids of the call, the strongest first: all but it are aliases.

    ``number``: the `client_number`. ``visitor``: the identifiers of the visitor that were read.
    Raises Unusable.
    """
    begin = beginning(source_id, started_at)
    derived = (derived_id(begin, facts) for facts in _derived_facts(item, number, visitor))
    former = former_id(item, begin=begin)
    ids = (universal_id(item), *_service_ids(item), *derived, former)
    return tuple(dict.fromkeys(filter(None, ids)))


def readable_id(item: Item) -> str:
    """Return the id of a record that cannot become a call, "" when none can be read."""
    universal = read_identifier(item, "universalId", limit=MAX_EXTERNAL_ID)
    return universal if universal not in ("", "0") else next(_service_ids(item), "")


def id_field(item: Item) -> str:
    """Return the field that names the call; `universalId`, which should, when none does."""
    names = ("universalId", *_ordered_service_ids(item), *BARE_IDS)
    return next((name for name in names if usable_id(item, name)), names[0])


def usable_id(item: Item, name: str) -> str:
    """Return the id that the field holds, "" when it holds none."""
    plain = item.get(name)
    if type(plain) is int and 0 < plain < _MAX_PLAIN:
        return str(plain)
    limit = MAX_EXTERNAL_ID if name == "universalId" else MAX_SERVICE_ID
    text = read_identifier(item, name, limit=limit)
    return "" if text == "0" else text


def client_number(item: Item) -> str:
    """Return the client's number as it came; a word such as null means that there is none."""
    plain = item.get(PHONES[0])
    if type(plain) is str and len(plain) > 1 and is_digits(plain):
        return plain
    numbers = (read_text(item, name) for name in PHONES)
    return next((number for number in numbers if not is_absent(number)), "")


def compared_digits(phone: str) -> str:
    """Return the digits by which phones are compared; "" when it is no number, such as 000."""
    is_plain = phone[1:].isdecimal() and not phone[0].isdecimal()
    digits = phone[1:] if is_plain else "".join(filter(str.isdecimal, phone))
    digits = digits[-COMPARED_DIGITS:]
    return digits if digits.strip("0") else ""


def _service_ids(item: Item) -> Iterator[str]:
    """Yield the ids of the call in single services, the strongest first.

    The service stands in front, as ids of two services may be equal: `calltracking-559`,
    `callback-990077`, `call-559`.
    """
    if not any(map(item.get, _SERVICE_FIELDS)):
        return
    for name in _ordered_service_ids(item):
        if text := usable_id(item, name):
            yield f"{SERVICE_IDS[name]}-{text}"
    if bare := next(filter(None, (usable_id(item, name) for name in BARE_IDS)), ""):
        if service := _service(item):
            yield f"{service}-{bare}"
        yield f"{UNKNOWN_SERVICE}-{bare}"


def _derived_facts(item: Item, client: str, visitor: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield what is hashed beside source and start, the most telling first.

    The client's number: its last ten digits, as the country code changes with the source's country.
    A call without a number is told by its visitor, else by its line: calls of other clients may
    start in the same second. Duration, status and tags of a call change and tell nothing.
    """
    number = compared_digits(read_phone(client))
    if number:
        yield (number,)
    yield from (("", "visitor", value) for value in visitor if value)
    if not number:
        lines = (compared_digits(read_phone(read_text(item, name))) for name in LINES)
        yield from (("", "line", line) for line in lines if line)
        yield ("",)


def _ordered_service_ids(item: Item) -> list[str]:
    """Return the fields of `SERVICE_IDS`, that of the record's own service first."""
    service = _service(item)
    return sorted(SERVICE_IDS, key=lambda name: SERVICE_IDS[name] != service)


def _is_plain(text: str) -> bool:
    """Whether the text has Latin letters and digits only, so neither spaces nor signs."""
    return text.isascii() and text.isalnum()


def _service(item: Item) -> str:
    return read_text(item, "serviceType", limit=MAX_SERVICE).lower()
