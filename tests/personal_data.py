"""A call with a recognisable value in every column that is personal data."""

from __future__ import annotations

from typing import Any

from calls.models import Call
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

#: Parts of the values that nobody without the right may read on any page.
MARKS = (
    "name=Ivanov",
    "ivanov@mail.example",
    "user-of-the-site",
    "campaign-Ivanov",
    "ext-of-the-call",
    "17180314159265",
    "98765432109876",
    "916123",
    "said-by-the-client",
)
USER_ID = "user-of-the-site-4567"


def personal_call(counter: Counter, **fields: Any) -> Call:
    """Return a call of the counter with a skipped, an unreadable and a sent delivery."""
    values: dict[str, Any] = {
        "external_id": "ext-of-the-call-0042",
        "phone": "+79161234567",
        "campaign_id": "campaign-Ivanov-77",
        "campaign_name": "campaign-Ivanov-spring",
        "client_id": "1718031415926535897",
        "yclid": "9876543210987654321",
        "user_id": USER_ID,
        "page_url": "https://okna.example/balkon?name=Ivanov&mail=ivanov@mail.example",
        "tags": ["Целевой", "ivanov@mail.example"],
        "unreadable_identifiers": {"UserId": USER_ID},
        "raw": {"comment": "said-by-the-client", "status": "success"},
    }
    return make_call(cabinet=counter.cabinet, **values | fields)


def deliver(call: Call, counter: Counter, skipped: Counter, unreadable: Counter) -> None:
    """Put the call in a file of its first counter; the rules of the two others refuse it."""
    row = (
        "ClientId,Yclid,UserId,PhoneNumber,Tag,URL\n"
        f"{call.client_id},{call.yclid},{call.user_id},{call.phone},"
        f"{call.tags[1]},{call.page_url}\n"
    )
    upload = make_upload(counter=counter, body=row.encode())
    make_delivery(call=call, counter=counter, upload=upload)
    refused: list[tuple[Counter, str, list[Any]]] = [
        (skipped, "campaign", [call.campaign_name, ["Окна"], 1]),
        (unreadable, "identifier_unreadable", ["UserId", USER_ID, True]),
    ]
    for one, reason, compared in refused:
        make_delivery(call=call, counter=one, state=2, reason=reason, compared=compared)


def marks_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]
