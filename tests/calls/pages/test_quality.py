"""The page «Качество привязки»: shares, gains from rows, and nothing said without rows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets.models import CallSource
from calls.models import LinkProof, Upload
from calls.queries import link_quality, link_totals
from calls.queries.quality_score import (
    AGE,
    COVERAGE,
    LINKED,
    REPEATS,
    VALIDITY,
    Quality,
    quality_of,
)
from calls.states import DeliveryState, LinkResult, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

pytestmark = pytest.mark.django_db

SKIPPED = {"id_kind": None, "state": DeliveryState.SKIPPED}


def sent(counter: Counter, linked: int, unlinked: int = 0, **fields: Any) -> None:
    """Create sent calls of an hour ago, with what the logs say of each."""
    upload = make_upload(counter=counter, accepted_at=timezone.now())
    first = Upload.objects.count() * 1000
    for number in range(first, first + linked + unlinked):
        call = make_call(cabinet=counter.cabinet, **fields)
        make_delivery(call=call, counter=counter, upload=upload, row_number=number)
        is_linked = number < first + linked
        LinkProof.objects.create(
            upload=upload,
            row_number=number,
            call=call,
            partition_at=call.partition_at,
            cabinet=counter.cabinet,
            counter=counter,
            channel=upload.channel,
            result=LinkResult.LINKED if is_linked else LinkResult.NO_VISIT,
            proved_at=timezone.now(),
        )


def skipped(counter: Counter, count: int, reason: str, **fields: Any) -> None:
    for _call in range(count):
        call = make_call(cabinet=counter.cabinet, **{"client_id": ""} | fields)
        make_delivery(call=call, counter=counter, **SKIPPED, reason=reason)


def quality(counter: Counter) -> Quality:
    now = timezone.now()
    volume = link_quality.volumes(counter.cabinet, [counter.pk], now=now).get(counter.pk)
    return quality_of(link_quality.groups([counter.pk], now=now), volume)


def page(client: Client, query: str = "") -> str:
    html = client.get(reverse("calls:quality") + query).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_gains_come_from_the_proofs(counter: Counter, owner_client: Client) -> None:
    """All of the calls are of one week: 40 of 50 without a fault are linked."""
    source, other = (
        CallSource.objects.create(cabinet=counter.cabinet, name=name) for name in ("А", "Б")
    )
    sent(counter, 40, 10, source=source)
    sent(counter, 2, 8, client_id="123.456", source=source)
    skipped(counter, 24, "no_identifier", source=other)
    skipped(counter, 5, "identifier_unreadable", unreadable_identifiers={"ClientId": "1E+18"})
    skipped(counter, 7, "too_short")
    same = {"client_id": "1718031415926535897", "source": source}
    sent(counter, 4, 6, **same)

    found = quality(counter)

    factors = {one.code: one for one in found.factors}
    shares = {code: (one.calls, one.good) for code, one in factors.items()}
    assert shares == {
        COVERAGE: (99, 75),
        VALIDITY: (75, 60),
        AGE: (60, 60),
        REPEATS: (60, 50),
        LINKED: (70, 46),
    }
    assert (found.good_share, found.is_proved, found.calls) == (0.8, True, 99)
    gains = {code: one.gain and round(one.gain, 6) for code, one in factors.items()}
    assert gains == {
        COVERAGE: round(24 * 0.8, 6),
        VALIDITY: round(5 * 0.8 + 10 * (0.8 - 0.2), 6),
        AGE: None,
        REPEATS: round(10 * (0.8 - 0.4), 6),
        LINKED: None,
    }
    weighted = 3 * 75 / 99 + 2 * 60 / 75 + 1 + 50 / 60 + 3 * 46 / 70
    # Another form of ClientID may be linked: only five cannot.
    assert factors[VALIDITY].possible == pytest.approx(70 / 75)
    # Of 99 calls 24 came without an identifier: nothing else makes up for that.
    assert found.score == pytest.approx(10 * 75 / 99)
    assert weighted > 10 * 75 / 99

    text = page(owner_client)
    assert "7,6 из 10" in text
    assert "76 % 75 из 99 звонков +19 привязанных в неделю" in text
    assert "не читается: 5 не похож на ClientID Метрики: 10 +10 привязанных" in text
    assert "Начните со счетчика «" in text
    assert "строка «Идентификатор приходит»: сейчас 76 %, 75 из 99 звонков." in text
    assert "Б 0,0 Идентификатор приходит: 0 %, 0 из 24 звонков" in text


def test_counts_of_files_tell_less(counter: Counter, owner_client: Client) -> None:
    """Without proofs the gain of calls that Metrika might link is not known."""
    accepted = timezone.now()
    upload = make_upload(
        counter=counter,
        accepted_at=accepted,
        rows=40,
        state=UploadState.PROCESSED,
        linked_quantity=30,
        user_not_found_quantity=10,
    )
    for number in range(40):
        fields: dict[str, Any] = {"client_id": "5.6"} if number < 10 else {}
        call = make_call(cabinet=counter.cabinet, **fields)
        make_delivery(call=call, counter=counter, upload=upload, row_number=number)
    late = {"started_at": accepted - timedelta(days=8)}
    skipped(counter, 20, "no_identifier", **late)

    found = quality(counter)

    factors = {one.code: one for one in found.factors}
    assert (found.good_share, found.is_proved) == (0.75, False)
    assert (factors[LINKED].calls, factors[LINKED].good) == (40, 30)
    assert (factors[VALIDITY].gain, factors[VALIDITY].bad) == (None, 10)
    # The first call was on the ninth day before.
    assert factors[COVERAGE].gain == pytest.approx(20 * 0.75 * 7 / 9)
    text = page(owner_client)
    assert "ещё не посчитать: логи Метрики об этих звонках не читали" in text
    assert "по итогам файлов привязано 75 %" in text


def test_nothing_is_said_without_rows(
    counter: Counter, owner_client: Client, viewer_client: Client
) -> None:
    other = factories.make_counter(account=counter.account, name="Другой")
    sent(counter, 0, 19)
    skipped(counter, 3, "no_identifier", kind="static")

    assert (quality(counter).factors, quality(counter).score, quality(other).calls) == ([], None, 0)
    for client in (owner_client, viewer_client):
        text = page(client)
        assert "оценки ещё нет Звонков посетителей сайта за это время: 19." in text
        assert "Начните со счетчика" not in text
    assert "Другие счетчики " + counter.name in page(owner_client, f"?counter={other.pk}")
    other.cabinet.counters.update(removed_at=timezone.now())
    assert "Оценивать пока нечего" in page(owner_client)


def test_a_score_does_not_depend_on_the_counters_beside_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_quality, "MOST_ROWS", 30)
    monkeypatch.setattr(link_totals, "NEWEST", 25)
    busy = factories.make_counter(account=counter.account, name="Занятой")
    earlier = {"started_at": timezone.now() - timedelta(days=2)}
    sent(counter, 20, 5, **earlier)
    sent(counter, 5, 15)
    sent(busy, 40)
    skipped(counter, 12, "no_identifier", **earlier)

    now, both = timezone.now(), [counter.pk, busy.pk]
    volumes = link_quality.volumes(counter.cabinet, both, now=now)
    beside = [one for one in link_quality.groups(both, now=now) if one.counter_id == counter.pk]

    alone = quality(counter)
    assert quality_of(beside, volumes[counter.pk]) == alone
    assert alone.calls == 30
    # The newest proofs, as the newest calls: 20 of the hour before, and five of the earlier ones.
    (linked,) = (one for one in alone.factors if one.code == LINKED)
    assert (linked.calls, linked.is_of_rows) == (25, True)
    assert 5 <= linked.good <= 10


def test_queries_do_not_grow(counter: Counter, owner_client: Client) -> None:
    sent(counter, 20)
    with CaptureQueriesContext(connection) as few:
        page(owner_client)
    for number in range(25):
        one = factories.make_counter(account=counter.account, name=f"Ещё {number}")
        skipped(one, 1, "no_identifier")
    with CaptureQueriesContext(connection) as many:
        text = page(owner_client)
    assert len(many) == len(few)
    assert "Другие счетчики" in text
