"""«Источники звонков»: the share of identifiers that could not be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.queries import identifier_stats as identifiers
from calls.queries.identifier_stats import IdentifierCounts, identifier_stats
from counters.models import Counter
from tests import factories
from tests.calls.stored import store_call

UNREADABLE: dict[str, Any] = {
    "client_id": "",
    "unreadable_identifiers": {"ClientId": "1,71803E+18"},
}


def counts_of(source: CallSource) -> IdentifierCounts | None:
    return identifier_stats(source.cabinet, now=timezone.now()).by_source.get(source.pk)


@pytest.mark.django_db
def test_only_recent_calls_with_an_identifier_are_counted(source: CallSource) -> None:
    old = timezone.now() - timedelta(days=8)
    other = factories.make_source(cabinet=factories.make_cabinet())
    for fields in ({}, {}, UNREADABLE, UNREADABLE | {"started_at": old}, {"client_id": ""}):
        values: dict[str, Any] = {"source": source, **fields}
        store_call(cabinet=source.cabinet, **values)
    store_call(cabinet=other.cabinet, source=other, **UNREADABLE)

    assert counts_of(source) == IdentifierCounts(calls=3, unreadable=1, client_ids=1)


def test_page_shows_the_share(owner_client: Client, cabinet: Cabinet, source: CallSource) -> None:
    url = reverse("cabinets:sources")
    assert "Идентификаторы за" not in owner_client.get(url).content.decode()

    store_call(cabinet=cabinet, source=source)
    assert "Идентификаторы за 7 дней: все читаются" in owner_client.get(url).content.decode()

    store_call(cabinet=cabinet, source=source, **UNREADABLE)
    page = owner_client.get(url).content.decode()
    assert "Идентификаторы за 7 дней: не читается 50 %, в 1 из 2 записей" in page


def test_page_names_the_identifier_and_the_calls_that_wait(
    owner_client: Client, cabinet: Cabinet, source: CallSource
) -> None:
    factories.make_counter(
        account=factories.make_account(cabinet=cabinet),
        configured_at=timezone.now(),
        site_mode=Counter.SiteMode.ALL,
    )
    bad = {"yclid": "", "unreadable_identifiers": {"Yclid": "1,5E+18"}}
    static = bad | {"kind": "static", "client_id": ""}
    for fields in (bad, bad | {"client_id": ""}, static):
        values: dict[str, Any] = {"source": source, **fields}
        store_call(cabinet=cabinet, **values)

    page = owner_client.get(reverse("cabinets:sources")).content.decode()

    assert counts_of(source) == IdentifierCounts(calls=3, unreadable=3, yclids=3, awaiting=1)
    assert "yclid (3): передавайте текстом, одним номером." in page
    assert "Из них ждут исправленной записи или вашего решения: 1." in page
    assert "ClientID (" not in page


def test_page_says_that_no_call_waits(
    owner_client: Client, cabinet: Cabinet, source: CallSource
) -> None:
    values: dict[str, Any] = {"source": source, **UNREADABLE}
    store_call(cabinet=cabinet, **values)

    page = owner_client.get(reverse("cabinets:sources")).content.decode()

    assert "ClientID (1): передавайте текстом, одним номером." in page
    words = "Ни один из этих звонков не ждёт исправленной записи или вашего решения."
    assert words in page


def test_number_of_queries_does_not_grow_with_sources(
    owner_client: Client, cabinet: Cabinet, source: CallSource, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        store_call(cabinet=cabinet, source=factories.make_source(cabinet=cabinet))

    with django_assert_num_queries(10):
        owner_client.get(reverse("cabinets:sources"))


def test_of_many_calls_the_newest_are_counted_and_the_page_says_so(
    owner_client: Client, cabinet: Cabinet, source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(identifiers, "MAX_CALLS", 3)
    store_call(cabinet=cabinet, source=source, started_at=now - timedelta(hours=2), **UNREADABLE)
    store_call(cabinet=cabinet, source=source, started_at=now - timedelta(hours=1))
    assert not identifier_stats(cabinet, now=now).is_limited

    values: dict[str, Any] = {"source": factories.make_source(cabinet=cabinet), "client_id": ""}
    for _ in range(2):
        store_call(cabinet=cabinet, **values)
    stats = identifier_stats(cabinet, now=timezone.now())
    page = owner_client.get(reverse("cabinets:sources")).content.decode()

    assert stats.by_source == {source.pk: IdentifierCounts(calls=1, unreadable=0)}
    assert stats.is_limited
    assert "Идентификаторы среди последних 3 звонков кабинета: все читаются" in page
    assert "Идентификаторы за" not in page


def test_source_that_signs_nothing_offers_no_secret(owner_client: Client, cabinet: Cabinet) -> None:
    factories.make_hooks(cabinet=cabinet)
    url = reverse("cabinets:sources")

    page = owner_client.get(url).content.decode()

    assert "Сменить секрет" not in page
    assert "запросы не принимаются" not in page
    assert "Пример запроса" not in page

    factories.make_source(cabinet=cabinet)
    assert "Сменить секрет" in owner_client.get(url).content.decode()
