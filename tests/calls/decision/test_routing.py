"""Which call × counter × channel get a row of the ledger, and which are only explained."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.decision.decide import decide
from calls.decision.explain import explain_call
from calls.decision.redecide import decide_again
from calls.decision.routing import ROUTING_RULES, count_routed, nearest_rules, routing_of
from calls.decision.sent_before import attach_rows
from calls.models import Call, Delivery, SentBefore, Upload
from calls.states import Channel, DeliveryState
from counters.models import Counter
from counters.settings.save import save_settings
from integrations.models import YandexAccount
from tests import factories
from tests.calls.call_links import key_of
from tests.calls.ingest.storing import store
from tests.calls.ledger import make_upload
from tests.calls.stored import row_of, store_call

CODES = {"site_unknown", "site", "campaign", "calls_off", "goal_not_set"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def own_sites(account: YandexAccount, count: int, **settings: Any) -> list[Counter]:
    """Counters of as many sites, site-0.example and so on."""
    return [
        factories.make_counter(
            account=account, site_mode="own", site_host=f"site-{number}.example", **settings
        )
        for number in range(count)
    ]


def pairs(call: Call) -> set[tuple[int, int]]:
    return set(call.deliveries.values_list("counter_id", "channel"))


def test_rules_of_routing_are_those_of_site_campaign_and_channel() -> None:
    assert {rule.code for rule in ROUTING_RULES} == CODES


@pytest.mark.parametrize("count", [1, 5, 70])
def test_rows_of_a_call_are_the_counters_of_its_site_in_their_channels(
    account: YandexAccount, count: int
) -> None:
    counters = own_sites(account, count)
    first = counters[0]

    call = store_call(cabinet=account.cabinet, site_host="site-0.example")
    assert pairs(call) == {(first.pk, Channel.CALLS)}

    Counter.objects.filter(pk=first.pk).update(goal=factories.make_goal(counter=first))
    call = store_call(cabinet=account.cabinet, site_host="site-0.example")
    assert pairs(call) == {(first.pk, channel) for channel in Channel}

    Counter.objects.filter(pk=first.pk).update(send_calls=False)
    call = store_call(cabinet=account.cabinet, site_host="site-0.example")
    assert pairs(call) == {(first.pk, Channel.GOAL)}
    assert pairs(store_call(cabinet=account.cabinet, site_host="other.example")) == set()
    assert pairs(store_call(cabinet=account.cabinet, site_host="")) == set()


def test_pair_without_a_row_is_one_that_a_rule_of_routing_refuses(account: YandexAccount) -> None:
    """Random settings and calls: what is written, explained and told of the nearest rule agree."""
    chance = random.Random(9)
    for _ in range(12):
        counter = _random_counter(chance, account)
        if chance.random() < 0.5:
            Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    calls = [store_call(cabinet=account.cabinet, **_random_call(chance)) for _ in range(25)]

    nearest = nearest_rules([call.pk for call in calls])
    for call in calls:
        told, explained = routing_of(call.pk), explain_call(call.pk)
        refused = {
            pair: {one.code for one in verdicts if not one.passed} & CODES
            for pair, verdicts in explained.items()
        }
        assert pairs(call) == {pair for pair, codes in refused.items() if not codes}
        assert {pair for pair, rule in told.items() if rule is None} == pairs(call)
        assert all(rule.code in refused[pair] for pair, rule in told.items() if rule)
        assert (nearest[call.pk] is None) == bool(pairs(call))
    routed = sum(len(pairs(call)) for call in calls)
    _calls, expected, rows = count_routed(account.cabinet_id, since=EPOCH, until=timezone.now())
    assert (expected, rows, Delivery.objects.count()) == (routed, routed, routed)
    assert 0 < routed < 25 * 24


def _random_counter(chance: random.Random, account: YandexAccount) -> Counter:
    hosts = ["a.example", "b.example", ""]
    return factories.make_counter(
        account=account,
        enabled=chance.random() < 0.8,
        send_calls=chance.random() < 0.7,
        configured_at=chance.choice([timezone.now(), None]),
        site_mode=chance.choice(["own", "all", "list"]),
        site_host=chance.choice(hosts),
        mirror_hosts=chance.choice([[], ["m.example"]]),
        site_hosts=chance.choice([[], ["b.example"]]),
        with_subdomains=chance.random() < 0.5,
        campaigns=chance.choice([[], [], ["1000"], ["осень"]]),
        min_duration_seconds=chance.choice([0, 60]),
    )


def _random_call(chance: random.Random) -> dict[str, Any]:
    return {
        "site_host": chance.choice(["a.example", "b.example", "x.a.example", "m.example", ""]),
        "campaign_id": chance.choice(["1000", "7"]),
        "campaign_name": chance.choice(["Осень", ""]),
        "duration_seconds": chance.choice([10, 100]),
        "is_test": chance.random() < 0.1,
        "kind": chance.choice(["dynamic", "static", "callback"]),
    }


def test_counter_whose_settings_were_never_saved_gets_both_channels_of_its_own_site(
    account: YandexAccount,
) -> None:
    now = timezone.now()
    long_ago = now - timedelta(days=1)
    (counter,) = own_sites(account, 1, configured_at=None, added_at=long_ago)

    own = store_call(cabinet=account.cabinet, site_host="site-0.example")
    other = store_call(cabinet=account.cabinet, site_host="other.example")

    assert (pairs(own), pairs(other)) == ({(counter.pk, one) for one in Channel}, set())
    assert {row.reason for row in own.deliveries.all()} == {"not_configured"}
    save_settings(
        counter=counter,
        version=counter.version,
        values={"goal": factories.make_goal(counter=counter)},
        actor=None,
        now=now,
        sends_waiting=True,
    )
    assert {row_of(own, channel).state for channel in Channel} == {DeliveryState.WAITING}


def test_unconfigured_counter_without_a_site_gets_every_call(account: YandexAccount) -> None:
    factories.make_counter(
        account=account, site_mode="own", site_host="", configured_at=None, added_at=EPOCH
    )

    assert len(pairs(store_call(cabinet=account.cabinet))) == 2


def test_counter_that_is_switched_off_gets_its_calls(account: YandexAccount) -> None:
    own_sites(account, 1, enabled=False)

    call = store_call(cabinet=account.cabinet, site_host="site-0.example")

    assert row_of(call).reason == "counter_off"


def test_corrected_record_gets_rows_when_it_is_routed_and_keeps_those_it_has(
    account: YandexAccount,
) -> None:
    first, second = own_sites(account, 2)
    call = store_call(cabinet=account.cabinet, site_host="")
    assert pairs(call) == set()

    _correct(call, site_host="site-0.example")
    assert pairs(call) == {(first.pk, 1)}
    assert row_of(call).state == DeliveryState.WAITING

    _correct(call, site_host="site-1.example")
    assert pairs(call) == {(first.pk, 1), (second.pk, 1)}
    refused = Delivery.objects.get(counter=first)
    assert (refused.state, refused.reason, refused.waited) == (2, "site", True)

    _correct(call, site_host="site-0.example")
    assert Delivery.objects.get(counter=first).state == DeliveryState.WAITING
    assert Delivery.objects.get(counter=second).reason == "site"


def _correct(call: Call, **fields: Any) -> None:
    Call.objects.filter(pk=call.pk).update(**fields)
    decide([call.pk], now=timezone.now())


def test_intake_of_a_known_call_decides_rows_that_are_routed_no_more(
    source: CallSource, account: YandexAccount
) -> None:
    (counter,) = own_sites(account, 1)
    record = factories.v3_record(site="site-0.example")
    store(source, record)

    moved = record | {"site": "other.example", "duration": 1}
    store(source, moved)

    row = Delivery.objects.get()
    assert (row.counter_id, row.state, row.reason) == (counter.pk, DeliveryState.SKIPPED, "site")


def test_change_of_settings_writes_no_rows_of_past_calls(account: YandexAccount) -> None:
    (counter,) = own_sites(account, 1)
    own = store_call(cabinet=account.cabinet, site_host="site-0.example")
    other = store_call(cabinet=account.cabinet, site_host="other.example")

    Counter.objects.update(site_mode="all", goal=factories.make_goal(counter=counter))
    decide_again(counter.pk, now=timezone.now())

    # The waiting call does not go over the channel that came into use either.
    assert (pairs(own), pairs(other)) == ({(counter.pk, 1)}, set())
    assert routing_of(other.pk) == {(counter.pk, 1): None, (counter.pk, 2): None}


def test_next_attempt_of_an_order_writes_no_rows_of_the_one_before(
    account: YandexAccount,
) -> None:
    (counter,) = own_sites(account, 1, last_attempt_only=False)
    order: dict[str, Any] = {"kind": "callback", "order_key": 71, "site_host": "site-0.example"}
    before = store_call(cabinet=account.cabinet, attempt=1, **order)

    Counter.objects.update(goal=factories.make_goal(counter=counter))
    after = store_call(cabinet=account.cabinet, attempt=2, **order)

    assert pairs(before) == {(counter.pk, Channel.CALLS)}
    assert pairs(after) == {(counter.pk, Channel.CALLS), (counter.pk, Channel.GOAL)}


def test_sent_call_that_is_not_routed_now_is_attached_when_it_comes(
    account: YandexAccount,
) -> None:
    (counter,) = own_sites(account, 1)
    upload = make_upload(counter=counter)
    lost = _sent_before(upload, "77")

    call = store_call(cabinet=account.cabinet, external_id="77", site_host="other.example")

    _assert_attached(call, upload)
    assert not SentBefore.objects.filter(pk=lost.pk).exists()


def test_sent_call_that_is_not_routed_now_is_attached_at_the_takeover(
    account: YandexAccount,
) -> None:
    (counter,) = own_sites(account, 1)
    call = store_call(cabinet=account.cabinet, external_id="77", site_host="other.example")
    upload = make_upload(counter=counter)
    _sent_before(upload, "77")

    assert attach_rows(upload.pk) == 1

    _assert_attached(call, upload)
    decide([call.pk], now=timezone.now())
    _assert_attached(call, upload)


def _sent_before(upload: Upload, external_id: str) -> SentBefore:
    return SentBefore.objects.create(
        counter=upload.counter,
        channel=upload.channel,
        call_key=key_of(upload.cabinet_id, external_id),
        call_revision=1,
        upload=upload,
        row_number=1,
    )


def _assert_attached(call: Call, upload: Upload) -> None:
    row = row_of(call)
    assert (row.state, row.upload_id, row.row_number) == (DeliveryState.BATCHED, upload.pk, 1)
    assert (row.reason, row.call_revision, row.expires_at) == (
        None,
        1,
        call.started_at + timedelta(days=21),
    )


def test_nearest_rule_tells_how_far_a_call_came(account: YandexAccount, cabinet: Cabinet) -> None:
    own_sites(account, 2, campaigns=["1000"])
    cases: dict[str, dict[str, Any]] = {
        "site_unknown": {"site_host": ""},
        "site": {"site_host": "other.example"},
        "campaign": {"site_host": "site-1.example", "campaign_id": "7"},
    }
    calls = {code: store_call(cabinet=cabinet, **fields).pk for code, fields in cases.items()}

    found = nearest_rules(list(calls.values()))

    assert {code: getattr(found[pk], "code", None) for code, pk in calls.items()} == {
        code: code for code in cases
    }
