"""Lists of the admin: what a search finds, what the filters of deliveries and calls keep."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.models import (
    Upload,
)
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import (
    YandexAccount,
)
from tests.admin.every_model import CreateAll, admin_url
from tests.calls.ledger import make_call, make_delivery, make_upload


def found(support_client: Client, model: type[Model], term: str) -> list[Any]:
    answer = support_client.get(admin_url(model, "changelist"), {"q": term})
    return [one.pk for one in answer.context["cl"].result_list]


def test_search_finds_by_what_customers_name(support_client: Client, create_all: CreateAll) -> None:
    create_all()
    rows: dict[str, Any] = {**create_all()}
    account, counter, call, upload, delivery = (
        rows[label]
        for label in (
            "integrations.YandexAccount",
            "counters.Counter",
            "calls.Call",
            "calls.Upload",
            "calls.Delivery",
        )
    )

    assert found(support_client, YandexAccount, account.login) == [account.pk]
    assert found(support_client, YandexAccount, account.yandex_uid) == [account.pk]
    assert found(support_client, Counter, str(counter.number)) == [counter.pk]
    assert found(support_client, type(call), call.external_id) == [call.pk]
    assert found(support_client, type(call), call.phone) == [call.pk]
    assert found(support_client, Upload, upload.marker) == [upload.pk]
    assert found(support_client, type(delivery), call.external_id) == [delivery.pk]
    assert found(support_client, type(delivery), upload.marker) == [delivery.pk]
    assert found(support_client, type(delivery), str(counter.number)) == [delivery.pk]
    assert found(support_client, Upload, "nothing like that") == []


def test_deliveries_are_filtered_by_display_state_and_reason(
    support_client: Client, counter: Counter
) -> None:
    def make(**fields: Any) -> int:
        call = make_call(cabinet=counter.cabinet)
        return make_delivery(call=call, counter=counter, **fields).pk

    waiting = make()
    short = make(state=DeliveryState.SKIPPED, reason="too_short")
    refused = make_upload(
        counter=counter,
        state=UploadState.NEEDS_ATTENTION,
        attention=Attention.REJECTED,
        uploading_id=None,
    )
    rejected = make(upload=refused)
    url = reverse("admin:calls_delivery_changelist")

    def listed(**query: str) -> list[int]:
        return [one.pk for one in support_client.get(url, query).context["cl"].result_list]

    assert listed(shown="waiting") == [waiting]
    assert listed(shown="needs_attention") == [rejected]
    assert listed(why="too_short") == [short]
    assert listed(why="rejected") == [rejected]
    assert listed(age="1", channel__exact="2") == []


def test_page_of_a_delivery_shows_the_sentence_of_the_cabinet(
    support_client: Client, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(enabled=False)
    short = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        state=DeliveryState.SKIPPED,
        reason="too_short",
        compared=[12, 60],
    )
    waiting = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    def page(delivery: Model) -> str:
        return support_client.get(admin_url(type(delivery), "change", delivery.pk)).content.decode()

    assert "Разговор длился 12 с, а в настройке «Длительность» — от 60 с." in page(short)
    assert "Счетчик выключен" in page(waiting)


def test_old_rows_are_listed_only_with_the_filter_of_age(
    support_client: Client, counter: Counter
) -> None:
    old = make_call(cabinet=counter.cabinet, started_at=timezone.now() - timedelta(days=40))
    url = reverse("admin:calls_call_changelist")

    def listed(**query: str) -> list[int]:
        return [one.pk for one in support_client.get(url, query).context["cl"].result_list]

    assert listed() == []
    assert listed(age="90") == [old.pk]
    assert listed(age="all") == [old.pk]
    assert listed(q=old.external_id) == [old.pk]


def test_empty_list_says_that_its_days_hide_older_rows(
    support_client: Client, counter: Counter
) -> None:
    old = timezone.now() - timedelta(days=400)
    make_upload(counter=counter, created_at=old)
    url = admin_url(Upload, "changelist")
    hidden = "За показанные дни ничего нет"

    limited = support_client.get(url)
    everything = support_client.get(url, {"age": "all"})

    assert (limited.context["cl"].result_count, hidden in limited.content.decode()) == (0, True)
    assert 'href="?age=all"' in limited.content.decode()
    assert (everything.context["cl"].result_count, hidden in everything.content.decode()) == (
        1,
        False,
    )


def test_uploads_are_listed_with_the_counts_of_the_cabinet(
    support_client: Client, counter: Counter
) -> None:
    for fields in (
        {"state": UploadState.PROCESSED, "linked_quantity": 17, "user_not_found_quantity": 8},
        {"state": UploadState.SENT, "linked_quantity": 0, "user_not_found_quantity": 0},
        {"state": UploadState.UNCLEAR, "uploading_id": None},
    ):
        make_upload(counter=counter, rows=25, **fields)

    answer = support_client.get(admin_url(Upload, "changelist"))
    uploads = list(answer.context["cl"].result_list)
    page = answer.content.decode()

    assert 'field-linked_text">17<' in page
    assert 'field-missed_text">8<' in page
    assert 'field-linked_text">станет известно после обработки<' in page
    unclear = next(one for one in uploads if one.state == UploadState.UNCLEAR)
    change = support_client.get(reverse("admin:calls_upload_change", args=[unclear.pk]))
    sent = re.search(
        r'field-sent_time.*?class="readonly">(.*?)</div>', change.content.decode(), re.S
    )
    assert sent is not None
    assert sent[1].strip() == "—"
