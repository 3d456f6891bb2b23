"""The page «Качество привязки»: shares, gains from rows, and nothing said without rows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets.models import CallSource
from calls.models import LinkProof, Upload
from calls.pages.ledger_export.rows import LedgerReader
from calls.queries import link_quality, quality_score
from calls.queries.ledger_filters import CallFilters
from calls.queries.quality_score import (
    AGE,
    COVERAGE,
    LINKED,
    REPEATS,
    VALIDITY,
    Quality,
    quality_of,
)
from calls.states import DeliveryState, HoldBack, LinkResult, UploadState
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
        AGE: 0,
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
        assert "Звонков посетителей сайта среди них: 19. Оценка появится, когда" in text
        assert "Другой оценки ещё нет За это время звонков счетчика не было." in text
        assert "Начните со счетчика" not in text
    assert "Другие счетчики " + counter.name in page(owner_client, f"?counter={other.pk}")
    other.cabinet.counters.update(removed_at=timezone.now())
    assert "Оценивать пока нечего" in page(owner_client)


def test_a_score_does_not_depend_on_the_counters_beside_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_quality, "MOST_ROWS", 30)
    monkeypatch.setattr(quality_score, "MOST_ROWS", 30)
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
    # The links are of the calls that were read: 20 of the hour before, and the earlier ones.
    (linked,) = (one for one in alone.factors if one.code == LINKED)
    assert linked.calls == alone.read.sent == alone.read.proved <= 30
    assert linked.good == alone.read.linked
    assert (alone.read.rows, alone.read.is_cut) == (30, True)


def test_sent_rows_agree_with_the_file_of_the_ledger(
    counter: Counter, owner_client: Client
) -> None:
    """Each row of the ledger is read while there are fewer than the limit."""
    sent(counter, 15, 9)
    (upload,) = Upload.objects.all()
    for number in (1, 2):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter, upload=upload, row_number=number)
    ready = {"state": UploadState.READY, "uploading_id": None, "sent_at": None}
    for fields, count in (({"is_static": True}, 3), (ready, 4)):
        other = make_upload(counter=counter, **fields)
        for number in range(count):
            call = make_call(cabinet=counter.cabinet)
            make_delivery(call=call, counter=counter, upload=other, row_number=number)
    skipped(counter, 20, "no_identifier", started_at=timezone.now() - timedelta(days=30))
    skipped(counter, 5, "too_short")

    found = quality(counter)

    now = timezone.now()
    days = link_quality.last_days(now)
    filters = CallFilters(first_day=days.first, last_day=days.last, counter=counter.pk)
    zone = ZoneInfo(counter.cabinet.time_zone)
    read = LedgerReader(counter.cabinet, replace(filters, stage="sent"), now, zone, is_whole=True)
    links = [str(line[17]) for line in read.every_row()]
    with_identifier = [one for one in links if not one.startswith("статический")]
    by_logs = [one for one in with_identifier if "проверка выключена" not in one]
    linked = [one for one in by_logs if "привязан к визиту" in one]
    read_here = (found.read.sent, found.read.proved, found.read.linked)
    assert (len(with_identifier), len(by_logs), len(linked)) == read_here == (26, 24, 15)
    every = list(LedgerReader(counter.cabinet, filters, now, zone, is_whole=True).every_row())
    assert len(every) == found.read.rows == 38
    text = page(owner_client)
    assert "Посмотрели все отправки из журнала за 28 дней: 38, звонки с " in text
    assert "Ушло с идентификатором: 26, из них проверено по логам: 24, визит найден: 15." in text


def test_late_and_kept_back_calls_bring_nothing(
    counter: Counter, owner_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = timezone.now() - timedelta(days=22)
    expired = {"state": DeliveryState.EXPIRED, "reason": "expired"}
    for fields in ({}, {}, {"client_id": ""}, {"kind": "static", "client_id": ""}):
        call = make_call(cabinet=counter.cabinet, started_at=old, **fields)
        is_static = "kind" in fields
        make_delivery(call=call, counter=counter, is_static=is_static, **expired)
    sent(counter, 24, 6)
    sent(counter, 1, 4, client_id="123.456")
    skipped(counter, 2, "no_identifier")
    came_late = {"started_at": old, "received_at": timezone.now()}
    skipped(counter, 3, "no_identifier", **came_late)
    skipped(counter, 7, "no_identifier", hold_back=HoldBack.LOADED)

    factors = {one.code: one for one in quality(counter).factors}

    assert (factors[COVERAGE].calls, factors[COVERAGE].bad) == (43, 6)
    assert factors[COVERAGE].gain == pytest.approx(2 * 0.8 * 7 / 23)
    assert (factors[AGE].calls, factors[AGE].bad) == (36, 6)
    assert factors[AGE].causes == {"old": 0, "too_old": 2, "late": 4}
    text = page(owner_client)
    assert "слишком мало, чтобы посчитать: в логах таких звонков 5, нужно 10" in text

    # With more rows than are read the late ones, which are the oldest, are told beside.
    for module in (link_quality, quality_score):
        monkeypatch.setattr(module, "MOST_ROWS", 44)
    text = page(owner_client)
    assert "больше 44 не читаем" in text
    assert "раньше этих отправок, за 28 дней, опоздали: 3 среди просмотренных" in text


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
