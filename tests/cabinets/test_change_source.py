"""The page that changes a source's name, time zone and country."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet, CallSource
from calls.models import Call
from tests import factories
from tests.cabinets.source_pages import LIST, live
from tests.calls.posting import post_calls
from tests.responses import text_of

pytestmark = pytest.mark.django_db


def url(source: CallSource) -> str:
    return reverse("cabinets:source-change", args=[source.pk])


def stored(source: CallSource) -> tuple[str, str, str]:
    source.refresh_from_db()
    return source.name, source.time_zone, source.region


def test_change_is_stored_audited_and_read_by(
    owner_client: Client, owner: User, source: CallSource
) -> None:
    before = stored(source)

    answer = owner_client.post(
        url(source), {"name": "Минск", "time_zone": "Europe/Minsk", "region": "BY"}, follow=True
    )

    assert answer.redirect_chain == [(LIST, 302)]
    assert "Источник «Минск» сохранён" in text_of(answer)
    assert "Номера без кода: Беларусь" in text_of(answer)
    assert stored(source) == ("Минск", "Europe/Minsk", "BY")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("source.changed", owner)
    assert event.before == {"name": before[0], "time_zone": before[1], "region": before[2]}
    assert event.after == {"name": "Минск", "time_zone": "Europe/Minsk", "region": "BY"}
    item = factories.v3_record(clientNumber="8 029 123-45-67")
    assert post_calls(item, source=source, secret=live(source)[0]).status_code == 202
    assert Call.objects.get().phone == "+375291234567"


def test_page_shows_what_is_stored(owner_client: Client, source: CallSource) -> None:
    CallSource.objects.filter(pk=source.pk).update(time_zone="Antarctica/Troll", region="KZ")

    answer = owner_client.get(url(source))

    form = answer.context["form"]
    assert [form[name].value() for name in form.fields] == [source.name, "Antarctica/Troll", "KZ"]
    assert "Antarctica/Troll" in dict(form.fields["time_zone"].choices)


def test_nothing_changed_is_not_audited(owner_client: Client, source: CallSource) -> None:
    name, zone, region = stored(source)

    owner_client.post(url(source), {"name": name, "time_zone": zone, "region": region})

    assert stored(source) == (name, zone, region)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Назовите источник."),
        ({"name": "crm"}, "Источник с таким названием уже есть."),
        ({"region": "XX"}, "Выберите корректный вариант"),
        ({"time_zone": "Moscow"}, "Выберите корректный вариант"),
    ],
)
def test_mistake_is_named_and_nothing_is_changed(
    owner_client: Client, cabinet: Cabinet, source: CallSource, typed: dict[str, str], sentence: str
) -> None:
    factories.make_source(cabinet=cabinet, name="CRM")
    before = stored(source)
    filled = {"name": "Минск", "time_zone": "Europe/Minsk", "region": "BY"} | typed

    answer = owner_client.post(url(source), filled)

    assert sentence in text_of(answer)
    assert stored(source) == before
    assert not AuditEvent.objects.exists()


def test_source_of_another_cabinet_is_not_found(owner_client: Client) -> None:
    foreign = factories.make_source(cabinet=factories.make_cabinet(name="Чужой"))
    before = stored(foreign)
    filled = {"name": "Мой", "time_zone": "", "region": "BY"}

    assert owner_client.get(url(foreign)).status_code == 404
    assert owner_client.post(url(foreign), filled).status_code == 404
    assert stored(foreign) == before


def test_viewer_may_not_change_a_source(viewer_client: Client, source: CallSource) -> None:
    before = stored(source)

    answer = viewer_client.post(url(source), {"name": "Мой", "time_zone": "", "region": "BY"})

    assert answer.status_code == 403
    assert stored(source) == before
