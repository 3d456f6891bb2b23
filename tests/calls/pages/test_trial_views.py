"""«Пробный звонок»: a call of each kind through a source, which is never sent by itself."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Preference
from cabinets.models import AuditEvent, CallSource
from calls.delivery import batching
from calls.models import Call, Delivery, Intake, Way
from calls.pages.upload_preview import preview_of
from calls.queries.identifier_stats import identifier_stats
from calls.states import DeliveryState
from calls.ways.trial_call import CAMPAIGN, MOST_AN_HOUR, TAG
from counters.models import Counter
from tests import factories
from tests.responses import messages_of


def url_of(source: CallSource) -> str:
    return reverse("calls:test-call", args=[source.pk])


def test_trial_calls_of_an_english_reader_are_the_same_data_and_are_shown_in_english(
    owner_client: Client, owner: User, source: CallSource, counter: Counter
) -> None:
    Preference.objects.create(user=owner, language="en")

    owner_client.post(url_of(source), form_of(owner_client, source))

    call = Call.objects.get(kind="static")
    assert (call.tags, call.campaign_name) == ([TAG], CAMPAIGN)
    assert call.raw["callType"] == "Статический коллтрекинг"
    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert "CallKeeper trial call" in page
    assert TAG not in page


def form_of(client: Client, source: CallSource, **changes: str) -> dict[str, str]:
    page = client.get(url_of(source)).content.decode()
    values = dict(re.findall(r'name="(token|cabinet)" value="(\w+)"', page))
    return {**values, **changes}


def test_a_call_of_each_kind_is_decided_and_sent_by_order_only(
    owner_client: Client, source: CallSource, counter: Counter, owner: User
) -> None:
    Counter.objects.update(accepts_static=False, call_kind="incoming")
    other = factories.make_counter(
        account=counter.account, name="Двери", site_mode="own", site_host="dveri.example"
    )
    form = form_of(owner_client, source)

    answers = [owner_client.post(url_of(source), form) for _press in range(2)]

    assert {one["Location"] for one in answers} == {f"{url_of(source)}?made={form['token']}"}
    calls = Call.objects.order_by("pk")
    assert sorted(calls.values_list("kind", flat=True)) == ["callback", "dynamic", "static"]
    assert all(one.external_id.startswith("test-") and one.tags == [TAG] for one in calls)
    assert AuditEvent.objects.get().action == "source.trial_calls"
    (intake,) = Intake.objects.values_list("way", "received", "created")
    assert intake == (Way.TEST, 3, 3)
    assert not identifier_stats(source.cabinet, now=timezone.now()).by_source
    reasons = Delivery.objects.filter(counter=counter, channel=1).order_by("call__kind")
    expected = ["call_type", "trial_call", "call_type"]
    assert [one.reason for one in reasons] == expected

    part = owner_client.get(answers[0]["Location"], headers={"HX-Request": "true"})
    text = part.content.decode()
    assert text.lstrip().startswith("<div")
    assert 'id="trial"' in text[:200]
    assert "остальные проверки он прошёл" in text
    assert "Звонок: обратный звонок, а в настройке «Тип звонка»" in text
    assert "Динамический коллтрекинг, пробный" in text
    assert other.name in text

    doors = "xn----8sbehgsbx0arnm9c.xn--p1ai"
    factories.make_counter(account=counter.account, site_host=doors)
    page = owner_client.get(url_of(source)).content.decode()
    assert f'<option value="{doors}">двери-столица.рф</option>' in page
    dynamic = calls.get(kind="dynamic")
    assert dynamic.site_host == "dveri.example"
    confirm = reverse("calls:send", args=[dynamic.pk, counter.pk])
    assert confirm in text
    page = owner_client.get(confirm).content.decode()
    assert dynamic.client_id in page
    assert TAG in page
    later = timezone.now() + timedelta(hours=1)
    assert batching.build_uploads(now=later) == 0
    owner_client.post(confirm)
    assert batching.build_uploads(now=later) == 1
    (row,) = Delivery.objects.filter(state=DeliveryState.BATCHED)
    assert (row.call_id, row.counter_id) == (dynamic.pk, counter.pk)
    assert row.upload_id is not None
    assert TAG in " ".join(preview_of(row.upload_id).rows[0])


def test_press_that_cannot_be_made_says_so(owner_client: Client, source: CallSource) -> None:
    form = form_of(owner_client, source)
    now = timezone.now()
    counts = {"updated": 0, "duplicate": 0, "rejected": 0}
    made = Intake.objects.create(
        source=source, way=Way.TEST, at=now, received=60, created=60, **counts
    )
    assert made.received == 3 * MOST_AN_HOUR
    refusals = [owner_client.post(url_of(source), form), owner_client.post(url_of(source), {})]
    CallSource.objects.update(is_active=False)
    refusals.append(owner_client.post(url_of(source), form))

    assert not Call.objects.exists()
    assert not AuditEvent.objects.exists()
    assert [messages_of(one)[-1].split(":")[0] for one in refusals] == [
        "Пробных звонков за час слишком много. Повторите через час.",
        "Ничего не изменилось",
        "Источник выключен",
    ]
