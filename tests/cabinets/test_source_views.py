"""Pages of «Источники звонков»: content, permissions, creating and switching sources."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries, Settings

from cabinets.models import AuditEvent, Cabinet, CallSource, SigningSecret
from cabinets.senders import senders
from calls.models import Call
from tests import factories
from tests.cabinets.source_pages import (
    ADD,
    LIST,
    OTHER_KEY,
    live,
    retire_url,
    rotate_url,
    shown_secret,
    switch_url,
)
from tests.calls.posting import post_calls
from tests.responses import messages_of, text_of

pytestmark = pytest.mark.django_db


def test_list_shows_sources_without_unsealing_secrets(
    owner_client: Client,
    source: CallSource,
    two_secrets: list[SigningSecret],
    settings: Settings,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    factories.make_source(cabinet=source.cabinet, name="CRM", time_zone="", is_active=False)
    settings.SEALING_KEYS = [OTHER_KEY]

    # The session, the person, the membership; the installation; the sources, identifiers, secrets.
    with django_assert_max_num_queries(10):
        answer = owner_client.get(LIST)

    page = text_of(answer)
    assert answer.status_code == 200
    assert f'data-copy="{source.public_id}"' in page
    assert "Москва, Санкт-Петербург" in page
    assert "не принимается" in page
    assert "принятых ещё не было" in page
    assert "Отозвать старый секрет" in page
    assert "whsec_" not in page
    assert f"/api/docs?source={source.public_id}#examples" in page


def test_list_shows_when_a_source_was_last_used(owner_client: Client, source: CallSource) -> None:
    post_calls(factories.v3_record(), source=source)

    source.refresh_from_db()
    assert source.last_used_at is not None
    assert timezone.localtime(source.last_used_at).strftime("%H:%M:%S") in text_of(
        owner_client.get(LIST)
    )


def test_empty_list_links_to_adding_a_source(owner_client: Client) -> None:
    page = text_of(owner_client.get(LIST))

    assert "Источников пока нет" in page
    assert ADD in page


def test_viewer_sees_the_list_without_buttons(
    viewer_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    page = text_of(viewer_client.get(LIST))

    assert source.public_id in page
    for url in (ADD, rotate_url(source), switch_url(source), retire_url(source, two_secrets[0])):
        assert url not in page


def test_viewer_changes_nothing(
    viewer_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    before = live(source)
    urls = [ADD, rotate_url(source), switch_url(source), retire_url(source, two_secrets[0])]

    statuses = [viewer_client.post(url, {"name": "CRM"}).status_code for url in urls]

    assert statuses == [403] * 4
    source.refresh_from_db()
    assert (source.is_active, live(source)) == (True, before)
    assert CallSource.objects.count() == 1
    assert AuditEvent.objects.count() == 0


def test_source_of_another_cabinet_is_404(
    stranger_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    before = live(source)
    urls = [rotate_url(source), switch_url(source), retire_url(source, two_secrets[0])]

    statuses = [stranger_client.post(url).status_code for url in urls]

    assert statuses == [404] * 3
    assert source.public_id not in text_of(stranger_client.get(LIST))
    source.refresh_from_db()
    assert (source.is_active, live(source)) == (True, before)


@pytest.mark.parametrize("url_of", [rotate_url, switch_url])
def test_changes_need_a_csrf_token(owner: User, source: CallSource, url_of: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    answer = client.post(url_of(source))

    assert answer.status_code == 403
    assert len(live(source)) == 1


def test_get_requests_change_nothing(
    owner_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    urls = [ADD, rotate_url(source), retire_url(source, two_secrets[0])]

    statuses = [owner_client.get(url).status_code for url in urls]

    assert statuses == [200] * 3
    assert owner_client.get(switch_url(source)).status_code == 405
    assert len(live(source)) == 2
    assert AuditEvent.objects.count() == 0


def test_new_source_is_created_and_its_secret_works(
    owner_client: Client, owner: User, cabinet: Cabinet
) -> None:
    answer = owner_client.post(ADD, {"name": " CRM ", "time_zone": "Asia/Omsk"})

    made = CallSource.objects.get()
    assert answer.status_code == 200
    assert (made.cabinet, made.name, made.time_zone, made.region) == (
        cabinet,
        "CRM",
        "Asia/Omsk",
        "RU",
    )
    assert live(made) == [shown_secret(answer)]
    assert made.public_id in text_of(answer)
    assert "http://127.0.0.1:8000/api/v1/calls" in text_of(answer)
    for one in senders(
        address="http://127.0.0.1:8000/api/v1/calls",
        source_id=made.public_id,
        secret=shown_secret(answer),
    ):
        assert f"<code>{escape(one.text)}</code>" in answer.content.decode()
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.cabinet) == ("source.created", owner, cabinet)
    posted = post_calls(factories.v3_record(), source=made, secret=shown_secret(answer))
    assert posted.status_code == 202


def test_numbers_without_country_code_are_of_the_chosen_country(owner_client: Client) -> None:
    owner_client.post(ADD, {"name": "Минск", "time_zone": "", "region": "BY"})
    source = CallSource.objects.get()
    item = factories.v3_record(clientNumber="8 029 123-45-67")

    posted = post_calls(item, source=source, secret=live(source)[0])

    assert (source.region, posted.status_code) == ("BY", 202)
    assert Call.objects.get().phone == "+375291234567"


def test_unknown_country_creates_no_source(owner_client: Client) -> None:
    answer = owner_client.post(ADD, {"name": "CRM", "time_zone": "", "region": "XX"})

    assert "Выберите корректный вариант" in text_of(answer)
    assert not CallSource.objects.exists()


def test_initial_time_zone_of_a_source_is_the_cabinets(owner_client: Client) -> None:
    page = text_of(owner_client.get(ADD))

    assert re.search(r'value="Europe/Moscow" selected>Москва, Санкт-Петербург — UTC\+3<', page)


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({"name": " "}, "Назовите источник."),
        ({"name": "callkeeper"}, "Источник с таким названием уже есть."),
        ({"name": "CRM", "time_zone": "Moscow"}, "Выберите корректный вариант"),
        ({"name": "я" * 201}, "не более 200 символов"),
    ],
)
def test_invalid_source_has_an_error_and_is_not_created(
    owner_client: Client, source: CallSource, typed: dict[str, str], error: str
) -> None:
    answer = owner_client.post(ADD, typed)

    assert error in text_of(answer)
    assert "whsec_" not in text_of(answer)
    assert CallSource.objects.get() == source


def test_form_sent_twice_creates_one_source(owner_client: Client) -> None:
    owner_client.post(ADD, {"name": "CRM"})
    again = owner_client.post(ADD, {"name": "CRM"})

    assert "Источник с таким названием уже есть." in text_of(again)
    assert CallSource.objects.count() == SigningSecret.objects.count() == 1


def test_source_is_switched_off_and_on(
    owner_client: Client, owner: User, source: CallSource
) -> None:
    off = owner_client.post(switch_url(source), {"enabled": "0"})
    refused = post_calls(factories.v3_record(), source=source)
    owner_client.post(switch_url(source), {"enabled": "0"})
    on = owner_client.post(switch_url(source), {"enabled": "1"})
    taken = post_calls(factories.v3_record(), source=source)

    assert messages_of(off) == [
        "Источник «CallKeeper» выключен: на его запросы отвечаем отказом 401."
    ]
    assert messages_of(on)[-1] == "Источник «CallKeeper» включён."
    assert (refused.status_code, taken.status_code) == (401, 202)
    events = AuditEvent.objects.order_by("pk").values_list("action", "actor", "before", "after")
    assert list(events) == [
        ("source.switched", owner.pk, {"is_active": True}, {"is_active": False}),
        ("source.switched", owner.pk, {"is_active": False}, {"is_active": True}),
    ]
