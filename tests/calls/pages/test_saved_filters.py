"""Filters of the ledger that people keep: their own, in one cabinet, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from cabinets.models import Cabinet
from calls.models import SavedFilter
from calls.pages import saved_filters
from counters.models import Counter

URL = "/lk/integrations/calls/filters"
LEDGER = "/lk/integrations/calls"


def names() -> list[str]:
    return list(SavedFilter.objects.order_by("name").values_list("name", flat=True))


def post(client: Client, query: str = "", **values: Any) -> str:
    """Post to the view; return where it leads and what the page there says."""
    answer = client.post(f"{URL}?{query}", values, follow=True)
    return f"{answer.redirect_chain[-1][0]}\n{answer.content.decode()}"


def test_filters_are_saved_shown_renamed_and_deleted(
    owner_client: Client, viewer_client: Client, counter: Counter
) -> None:
    chosen = f"from=2026-11-01&counter={counter.pk}&state=sent"

    page = post(owner_client, f"{chosen}&cursor=1.2&unknown=x", name="  Ушли  в ноябре ")
    assert page.startswith(f"{LEDGER}?counter={counter.pk}&state=sent&from=2026-11-01\n")
    assert "Отбор «Ушли в ноябре» сохранён." in page
    assert 'aria-current="true">Ушли в ноябре</a>' in page
    mine = SavedFilter.objects.get()
    # A viewer keeps filters too, and sees and changes none of others.
    viewers = post(viewer_client, "state=held", name="Мой")
    assert "Ушли в ноябре" not in viewers
    for values in ({"name": "Чужой"}, {"delete": "1"}):
        assert viewer_client.post(URL, {"pk": mine.pk, **values}).status_code == 404
    assert names() == ["Мой", "Ушли в ноябре"]

    assert "Отбор переименован: «Б»." in post(owner_client, pk=mine.pk, name="Б")
    post(owner_client, "state=held", name="Б")
    mine.refresh_from_db()
    assert (mine.name, mine.parameters) == ("Б", {"state": "held"})
    post(owner_client, "state=sent", name="В")
    assert "Отбор «Б» уже есть" in post(
        owner_client, pk=SavedFilter.objects.get(name="В").pk, name="Б"
    )
    assert "Отбор «Б» удалён." in post(owner_client, pk=mine.pk, delete="1")
    assert names() == ["В", "Мой"]


def test_nothing_is_saved_without_a_name_without_filters_or_beyond_the_limit(
    owner_client: Client, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Назовите отбор" in post(owner_client, "state=held", name=" ")
    for query in ("", "state=nonsense", "counter=999999"):
        assert "Сохранять нечего" in post(owner_client, query, name="А")
    assert owner_client.post(f"{URL}?state=held", {"pk": "0"}).status_code == 404
    assert owner_client.post(f"{URL}?state=held", {"name": "А", "cabinet": "0"}).status_code == 409
    assert names() == []
    monkeypatch.setattr(saved_filters, "MAX_SAVED", 1)
    post(owner_client, "state=held", name="А")
    assert "Отборов уже 1" in post(owner_client, "state=sent", name="Б")
    assert names() == ["А"]
