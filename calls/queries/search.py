"""Finds calls by their external id or by the end of their phone number."""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.functions import Length, Reverse

from cabinets.models import Cabinet
from calls.ingest.parsing.identity import SERVICE_IDS, UNKNOWN_SERVICE
from calls.models import Call, CallKey
from calls.phones import MASKABLE_DIGITS, VISIBLE_DIGITS, is_guess, searched_end

#: At most so many of the newest matches are returned.
MOST_CALLS = 1000
#: What a call is stored with before an id of one service (`ctCallId`, …), which people search for.
_SERVICES = (*SERVICE_IDS.values(), UNKNOWN_SERVICE)


def call_ids(text: str, *, sees_phones: bool, cabinet: Cabinet | None = None) -> list[int]:
    """Return ids of calls with this external id, else with a phone that ends so; newest first.

    The id of one service is found with and without the service in front: `calltracking-559`, `559`.

    Without a cabinet all cabinets are searched: for support only. Without ``sees_phones`` a phone
    is found by the digits that are shown and nothing else: of a whole number only its last four
    are looked at, or a search for guessed numbers would tell which of them called.
    """
    text = text.strip()
    if "\0" in text:  # no text of PostgreSQL has one
        return []
    exact = _by_external_id(text, cabinet)
    if exact:
        return exact
    end = searched_end(text)
    if not end or (is_guess(end) and not sees_phones):
        return []
    if sees_phones:
        return _by_phone_end(end, cabinet, least_digits=1)
    # A short number is masked completely, so it is not found by its end.
    return _by_phone_end(end[-VISIBLE_DIGITS:], cabinet, least_digits=MASKABLE_DIGITS)


def _by_external_id(text: str, cabinet: Cabinet | None) -> list[int]:
    # The index begins with the cabinet, so a search over all of them lists each.
    cabinets: QuerySet[Cabinet] | list[Cabinet] = [cabinet] if cabinet else Cabinet.objects.all()
    ids = [text, *(f"{service}-{text}" for service in _SERVICES)]
    keys = CallKey.objects.filter(cabinet__in=cabinets, external_id__in=ids)
    return list(keys.values_list("pk", flat=True)[:MOST_CALLS])


def _by_phone_end(end: str, cabinet: Cabinet | None, *, least_digits: int) -> list[int]:
    # Uses the index call_by_phone, which holds the reversed numbers.
    calls = Call.objects.exclude(phone="").alias(backwards=Reverse("phone"), length=Length("phone"))
    # Greater, because a plus precedes the digits.
    calls = calls.filter(length__gt=least_digits)
    if cabinet is not None:
        calls = calls.filter(cabinet=cabinet)
    found = calls.filter(backwards__startswith=end[::-1])
    return list(found.order_by("-pk").values_list("pk", flat=True)[:MOST_CALLS])
