"""The chart of the ledger counts rows by day and state, and leads to exactly their calls."""

from __future__ import annotations

import re
from collections import Counter as Tally
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client
from django.utils import timezone

from calls.models import Call, Delivery
from calls.queries.display_state import with_display_state
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

URL = "/lk/integrations/calls"


def make_ledger(counter: Counter) -> Counter:
    """Store calls of three days at two counters, and one that is older; return the other."""
    other = factories.make_counter(account=counter.account, name="Двери")
    noon = timezone.localtime().replace(hour=0, minute=30) - timedelta(days=1)
    refused: dict[str, Any] = {"state": DeliveryState.SKIPPED, "reason": "too_short"}
    for number, days in enumerate((0, 0, 1, 2, 2, 2, 60)):
        kind = "callback" if number % 2 else "dynamic"
        call = make_call(cabinet=counter.cabinet, started_at=noon - timedelta(days=days), kind=kind)
        upload = make_upload(counter=counter) if number % 2 else None
        make_delivery(call=call, counter=counter, upload=upload)
        make_delivery(call=call, counter=other, channel=Channel.GOAL, **refused)
    make_call(cabinet=counter.cabinet, started_at=noon)
    return other


def chart_of(client: Client, **query: Any) -> Any:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return answer


def counts_of(answer: Any) -> dict[str, int]:
    return {one["label"]: int(one["count"]) for one in answer.context.get("chart_states", [])}


def test_chart_counts_rows_and_leads_to_their_calls(owner_client: Client, counter: Counter) -> None:
    other = make_ledger(counter)

    page = chart_of(owner_client)
    shown = {"Ждёт отправки": 3, "Отправлен": 3, "Не отправляется": 6}
    assert counts_of(page) == shown
    assert page.context["chart_count"] == "12"
    # Every part of the drawing and every cell of the table leads to as many rows as it says.
    parts = [part for day in page.context["chart_days"] for part in day["parts"]]
    drawn = "".join(day["cells"] for day in page.context["chart_days"])
    links = re.findall(r'<td><a href="([^"]+)">(\d+)</a></td>', unescape(drawn))
    cells = [(int(count), url) for url, count in links]
    assert len(parts) == len(cells) == 8
    for part, (count, url) in zip(
        sorted(parts, key=lambda one: one.url), sorted(cells, key=lambda one: one[1]), strict=True
    ):
        assert part.url == url
        assert part.title.endswith(f": {count}")
        state = {"state": url.rpartition("state=")[2]}
        listed = re.findall(r'href="/lk/integrations/calls/(\d+)"', told(owner_client, url))
        rows = [one["display_state"] for one in rows_of(listed)]
        assert Tally(rows)[state["state"]] == count
    # Other filters are followed, the state is not: another one can be chosen.
    assert counts_of(chart_of(owner_client, counter=other.pk)) == {"Не отправляется": 6}
    assert counts_of(chart_of(owner_client, kind="callback")) == {
        "Отправлен": 3,
        "Не отправляется": 3,
    }
    assert counts_of(chart_of(owner_client, reason="too_short")) == {"Не отправляется": 6}
    assert counts_of(chart_of(owner_client, state="sent")) == shown
    longer = (timezone.localdate() - timedelta(days=80)).isoformat()
    assert sum(counts_of(chart_of(owner_client, **{"from": longer})).values()) == 14
    # The header counts what all filters select, the state and the search as well.
    sent = chart_of(owner_client, state="sent")
    assert (sent.context["chart_count"], sent.context["chart_calls"]) == ("3", "3")
    widths = [day["cells"].count("<td>") for day in sent.context["chart_days"] if day["sum"]]
    assert set(widths) == {1}
    goal = chart_of(owner_client, channel=Channel.GOAL.value, counter=other.pk)
    assert (goal.context["chart_count"], goal.context["chart_calls"]) == ("6", "6")
    oldest = Call.objects.earliest("started_at")
    one = chart_of(owner_client, q=oldest.external_id)
    assert (one.context["chart_count"], one.context["chart_calls"]) == ("2", "1")
    assert chart_of(owner_client, tag="x").context["chart_count"] == "0"
    # Of a year a bar is some weeks; it is counted after the page is shown.
    make_call(cabinet=counter.cabinet, started_at=oldest.started_at - timedelta(days=300))
    year = {"from": (timezone.localdate() - timedelta(days=365)).isoformat()}
    url = chart_of(owner_client, **year).context["counts_url"]
    part = owner_client.get(url, headers={"HX-Request": "true"})
    assert (part.context["chart_count"], "<html" in part.content.decode()) == ("14", False)
    bars = part.context["chart_days"]
    assert (sum(bar["sum"] for bar in bars), len(bars)) == (14, 53)
    oldest_bar = next(bar for bar in bars if bar["sum"])
    assert chart_of(owner_client, **query_of(oldest_bar["url"])).context["chart_count"] == "2"
    nothing = ({"counter": "none"}, {"from": "2099-01-01"}, {"to": "0001-01-02"}, {"cursor": "1.2"})
    for query in nothing:
        assert counts_of(chart_of(owner_client, **query)) == {}


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def told(client: Client, url: str) -> str:
    return str(client.get(unescape(url)).content.decode())


def rows_of(calls: list[str]) -> list[Any]:
    rows = Delivery.objects.filter(call_id__in=[int(one) for one in calls])
    shown = with_display_state(rows, timezone.now()).values_list("display_state", flat=True)
    return [{"display_state": state} for state in shown]
