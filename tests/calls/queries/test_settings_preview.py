"""The preview of settings judges calls as they would be judged after the settings are saved."""

from __future__ import annotations

import csv
import io
from collections import Counter as Tally
from collections import defaultdict
from copy import copy
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.decision.explain import explain_call
from calls.decision.routing import ROUTING_RULES
from calls.delivery.csv_writer import write_row
from calls.models import Call, Delivery
from calls.queries.settings_preview import DAYS, NOT_OF_SETTINGS, preview_of
from calls.states import Channel, IdKind
from counters.models import Counter
from tests import factories
from tests.calls.stored import store_call

ROUTING = {rule.code for rule in ROUTING_RULES}
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"duration_seconds": 5},
    {"kind": "static", "client_id": ""},
    {"kind": "dynamic", "client_id": "", "yclid": "77"},
    {"kind": "unknown", "client_id": ""},
    {"client_id": "не число"},
    {"kind": "callback", "order_key": 7, "attempt": 1, "status": "fail"},
    {"kind": "callback", "order_key": 7, "attempt": 2, "is_technical": True},
    {"kind": "callback", "order_key": 8, "client_id": ""},
    {"is_test": True},
    {"is_finished": False},
    {"is_technical": True},
    {"is_target": False, "is_unique": False},
    {"site": "", "site_host": ""},
    {"site_host": "spb.okna-stolica.example", "campaign_name": "Осень"},
    {"hold_back": 1},
)
DRAFTS: tuple[dict[str, Any], ...] = (
    {},
    {"min_duration_seconds": 30, "call_kind": "incoming", "accepts_static": False},
    {"last_attempt_only": False, "skip_technical": False, "uniqueness": "target"},
    {"site_mode": "own", "with_subdomains": True, "campaigns": ["осень", "1000"]},
    {"site_mode": "list", "site_hosts": ["spb.okna-stolica.example"], "goal": None},
    {"identifier_order": ["Yclid", "UserId", "ClientId"], "unlinked_mode": "skip"},
    {"send_calls": False, "call_status": "success"},
)


def test_preview_counts_what_the_rules_say_after_the_save(
    cabinet: Cabinet, counter: Counter
) -> None:
    counter.goal = factories.make_goal(counter=counter)
    counter.save()
    gone = factories.make_goal(counter=counter, identifier="gone", deleted_at=timezone.now())
    calls = [store_call(cabinet=cabinet, decided=False, **kind) for kind in KINDS]
    store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=DAYS, hours=1))
    before = _sent(calls, counter)

    for changes in (*DRAFTS, {"callback_goal": gone}):
        draft = _changed(counter, changes)
        with transaction.atomic():
            preview = preview_of(draft, counter, now=timezone.now())
            draft.save()
            after = _sent(calls, draft)
            by_channel = {channel: _reasons(calls, draft, channel) for channel in preview.channels}
            transaction.set_rollback(True)

        assert (preview.sent, preview.total + preview.unrouted.total()) == (len(after), len(calls))
        assert (preview.gained, preview.lost) == (len(after - before), len(before - after))
        for channel, reasons in by_channel.items():
            routed = {code: reasons[code] for code in reasons if code not in ROUTING}
            assert (preview.sent_over[channel], preview.unrouted.total()) == (
                reasons[""],
                sum(reasons[code] for code in ROUTING),
            )
            assert preview.refused[channel] | {"": reasons[""]} == routed


def _changed(counter: Counter, changes: dict[str, Any]) -> Counter:
    draft = copy(counter)
    for name, value in changes.items():
        setattr(draft, name, value)
    return draft


def _first_refusal(call: Call, counter: Counter, channel: int) -> str:
    verdicts = explain_call(call.pk)[counter.pk, channel]
    refused = [one.code for one in verdicts if not one.passed and one.code not in NOT_OF_SETTINGS]
    # What does not concern the counter at all is counted apart.
    return min(refused, key=lambda code: code not in ROUTING, default="")


def _sent(calls: list[Call], counter: Counter) -> set[int]:
    return {
        call.pk
        for call in calls
        if any(not _first_refusal(call, counter, channel) for channel in Channel)
    }


def _reasons(calls: list[Call], counter: Counter, channel: Channel) -> Tally[str]:
    return Tally(_first_refusal(call, counter, channel) for call in calls)


RULES: list[dict[str, Any]] = [
    {"kind": "callback", "is_first": True, "price": "700.00", "currency": "RUB"},
    {"is_target": False, "max_seconds": 200, "price": "0.00", "currency": "RUB"},
    {"site": "okna-stolica.example", "campaign": "осень", "price": "50.50", "currency": "USD"},
    {"tag": "целевой", "kind": "static", "min_seconds": 100, "price": "9.00", "currency": "RUB"},
    {"kind": "incoming", "min_seconds": 10, "price": "1.00", "currency": "RUB"},
]


def test_worth_of_the_preview_is_that_of_the_rows_of_a_file(
    cabinet: Cabinet, counter: Counter
) -> None:
    calls = [store_call(cabinet=cabinet, decided=False, **kind) for kind in KINDS]
    draft = _changed(counter, {"value_rules": RULES, "price": Decimal(5), "currency": "EUR"})

    preview = preview_of(draft, counter, now=timezone.now())
    draft.save()
    decide([call.pk for call in calls], now=timezone.now())
    sent = Delivery.objects.waiting().filter(channel=Channel.CALLS)
    cells = [_cells(one) for one in sent]

    worth: dict[str, Decimal] = defaultdict(Decimal)
    for row in cells:
        worth[row["Currency"]] += Decimal(row["Price"])
    assert {row["Price"] for row in cells} == {"700.00", "0.00", "50.50", "9.00", "1.00", "5.00"}
    assert preview.worth == worth
    assert preview.worth_before == {}


def _cells(row: Delivery) -> dict[str, str]:
    body = write_row(
        row,
        channel=Channel.CALLS,
        id_kind=IdKind(row.id_kind or IdKind.CLIENT_ID),
        is_static=row.is_static,
    )
    (cells,) = csv.DictReader(io.StringIO(body.decode()))
    return cells
