"""Statistics and funnel of days without calls: one next step instead of tables of zeros."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from cabinets.help_links import help_url
from cabinets.models import CallSource
from counters.models import Counter
from tests.calls.ledger import make_call

pytestmark = pytest.mark.django_db

NOTHING, NONE_OF_COUNTER = "За эти дни ничего не пришло", "За эти дни звонков у счетчика нет"


@pytest.mark.parametrize("name", ["calls:statistics", "calls:funnel"])
def test_days_without_calls_say_what_to_do(
    name: str, counter: Counter, source: CallSource, owner_client: Client
) -> None:
    def page(query: str = "") -> str:
        return owner_client.get(reverse(name) + query).content.decode()

    empty = page()
    make_call(cabinet=counter.cabinet)
    whole, alone = page(), page(f"?counter={counter.pk}")

    assert NOTHING in empty
    assert reverse("cabinets:sources") in empty
    assert "<table" not in empty
    assert NOTHING not in whole
    assert "<table" in whole
    if name == "calls:statistics":
        reports = [
            whole.count(help_url(f"report_{one}")) for one in ("details", "sources", "quality")
        ]
        # Six lines of «Итоги» and the tables by day and by counter; the other four have no report.
        assert reports == [2, 2, 5]
        assert whole.count("В Метрике такого числа нет") == 4
    assert NONE_OF_COUNTER in alone
    assert "<table" not in alone
