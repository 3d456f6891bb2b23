"""The integrations page: card, notices, number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinets.models import Cabinet
from calls.models import Upload
from counters.models import Counter
from dashboard.integrations_page import page_context
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.stored import store_call

PAGE = "/lk/integrations"


def texts(cabinet: Cabinet) -> list[str]:
    return [notice.text for notice in page_context(cabinet)["needs_attention"]]


def make_stuck_upload(counter: Counter, marker: str) -> Upload:
    now = timezone.now()
    return Upload.objects.create(
        cabinet=counter.cabinet,
        counter=counter,
        channel=1,
        id_kind=1,
        state="needs_attention",
        attention="rejected",
        marker=marker,
        rows=1,
        sha256="0" * 64,
        created_at=now,
        oldest_call_at=now,
        newest_call_at=now,
        not_before=now,
    )


def test_new_cabinet_is_offered_to_connect(owner_client: Client) -> None:
    page = owner_client.get(PAGE).content.decode()

    assert "Подключить" in page
    assert reverse("integrations:link-start") in page
    assert "Подключено" not in page


def test_linked_cabinet_is_shown_as_connected(owner_client: Client, account: YandexAccount) -> None:
    page = owner_client.get(PAGE).content.decode()

    assert "Подключено" in page
    assert account.access_token not in page
    assert account.refresh_token not in page


def test_disconnected_account_does_not_count_as_connected(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    YandexAccount.objects.update(state="disconnected", access_token="", refresh_token="")

    assert page_context(cabinet) == {"card": None, "needs_attention": []}


def test_card_shows_an_account_to_be_reconnected_also_beside_one_that_works(
    owner_client: Client, cabinet: Cabinet, account: YandexAccount
) -> None:
    YandexAccount.objects.update(state="reauth_required")
    cut_off = owner_client.get(PAGE).content.decode()
    factories.make_account(cabinet=cabinet)
    partly = owner_client.get(PAGE).content.decode()

    for page in (cut_off, partly):
        assert "Требуется переподключение" in page
        assert "Подключено" not in page


def test_viewer_is_not_offered_to_connect(viewer_client: Client) -> None:
    page = viewer_client.get(PAGE).content.decode()

    assert reverse("integrations:link-start") not in page


def test_anonymous_is_sent_to_sign_in(db: None) -> None:
    assert Client().get(PAGE)["Location"] == "/accounts/login/?next=/lk/integrations"


def test_person_without_a_cabinet_is_refused(client: Client, db: None) -> None:
    client.force_login(factories.make_user())

    assert client.get(PAGE).status_code == 403


def test_account_to_be_reconnected_is_named(cabinet: Cabinet, account: YandexAccount) -> None:
    YandexAccount.objects.update(state="reauth_required", login="okna")

    assert texts(cabinet) == ["Аккаунт Яндекса okna нужно переподключить: звонки ждут."]


def test_account_whose_refresh_token_is_lost_is_named_with_its_date(cabinet: Cabinet) -> None:
    expires_at = timezone.now() + timedelta(days=40)
    factories.make_account(
        cabinet=cabinet,
        login="okna",
        state="refresh_failed",
        state_reason="refresh_token_lost",
        expires_at=expires_at,
    )

    (text,) = texts(cabinet)
    assert text.startswith("Аккаунт Яндекса okna нужно переподключить до ")
    assert str(timezone.localtime(expires_at).year) in text


def test_failed_refresh_that_is_retried_has_no_notice(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    YandexAccount.objects.update(state="refresh_failed", state_reason="not_refreshed")

    assert texts(cabinet) == []


def test_counters_without_access_and_stuck_uploads_are_counted(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    lost = factories.make_counter(account=account, access="lost")
    factories.make_counter(account=account, access="lost", removed_at=timezone.now())
    make_stuck_upload(lost, "marker1")
    make_stuck_upload(lost, "marker2")

    assert texts(cabinet) == [
        "Счетчик «Окна Столица». Доступ к счетчику потерян: попросите владельца вернуть его. "
        "Звонки ждут.",
        "«Окна Столица»: требуют внимания выгрузки (2), звонков в них: 2.",
    ]


def test_notices_of_another_cabinet_are_not_shown(
    cabinet: Cabinet, account: YandexAccount, stranger: User
) -> None:
    YandexAccount.objects.update(state="reauth_required")
    make_stuck_upload(factories.make_counter(account=account, access="lost"), "marker")

    other = stranger.cabinet_memberships.get().cabinet
    assert page_context(other) == {"card": None, "needs_attention": []}


def test_page_takes_as_many_queries_for_any_number_of_notices(
    cabinet: Cabinet, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        account = factories.make_account(cabinet=cabinet, state="reauth_required")
        counter = factories.make_counter(account=account, access="lost")
        make_stuck_upload(counter, f"marker{number}")

    with django_assert_num_queries(21):
        page_context(cabinet)


def test_disconnected_account_has_a_notice_while_counters_use_it(
    cabinet: Cabinet, counter: Counter
) -> None:
    YandexAccount.objects.update(
        state="disconnected", access_token="", refresh_token="", login="okna"
    )

    assert texts(cabinet) == [
        "Аккаунт Яндекса okna отключён, а через него работают счетчики (1): звонки в них ждут. "
        "Подключите его снова или выключите счетчики."
    ]

    Counter.objects.update(enabled=False)
    assert texts(cabinet) == []


@pytest.mark.parametrize("channel", [1, 2])
def test_notice_of_uploads_leads_to_the_calls_that_it_counts(
    cabinet: Cabinet, counter: Counter, owner_client: Client, channel: int
) -> None:
    """Also when the calls are older than the default days, or of the channel not shown at first."""

    def stuck() -> Upload:
        upload = make_upload(
            counter=counter,
            channel=channel,
            state="needs_attention",
            attention="rejected",
            uploading_id=None,
        )
        started = timezone.now() - timedelta(days=40)
        call = make_call(cabinet=cabinet, started_at=started)
        make_delivery(call=call, counter=counter, channel=channel, upload=upload)
        return upload

    def url_of_notice() -> str:
        notices = page_context(cabinet)["needs_attention"]
        return str(next(one.url for one in notices if "требуют внимания" in one.text))

    first = stuck()
    assert url_of_notice() == reverse("calls:upload", args=[first.pk])

    stuck()
    assert len(owner_client.get(url_of_notice()).context["rows"]) == 2


def test_calls_that_wait_for_a_decision_are_counted_as_the_link_lists_them(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    unreadable: dict[str, Any] = {
        "client_id": "",
        "unreadable_identifiers": {"ClientId": "1,71803E+18"},
    }
    for _number in range(2):
        store_call(cabinet=cabinet, **unreadable)
    store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=22), **unreadable)
    store_call(cabinet=cabinet)
    make_stuck_upload(counter, "ckstuck1")

    notices = page_context(cabinet)["needs_attention"]

    [decision] = [notice for notice in notices if "не читается" in notice.text]
    assert decision.text == (
        f"«{counter.name}»: звонков с идентификатором, который не читается: 2. Они ждут вашего "
        "решения или исправленной записи."
    )
    listed = owner_client.get(decision.url).context["rows"]
    assert [row["cells"][0]["state_text"] for row in listed] == ["Ждёт вашего решения"] * 2
