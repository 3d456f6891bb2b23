"""«Журнал»: events in words, filters, pages, undo, and what a viewer may read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets import audit, sources
from cabinets.models import AuditEvent, Cabinet, CallSource
from counters import lifecycle
from counters.models import Counter
from dashboard.audit import trail
from tests import factories
from tests.calls.ledger import make_call, make_delivery

URL = "/lk/integrations/audit"


def entries(client: Client, **query: Any) -> list[Any]:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    found: list[Any] = answer.context["entries"]
    return found


def switch_off(counter: Counter, actor: User | None) -> None:
    lifecycle.switch_counter(counter=counter, enabled=False, actor=actor, now=timezone.now())


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_events_are_told_in_words_with_links(
    owner_client: Client, owner: User, counter: Counter, source: CallSource, viewer: User
) -> None:
    call = make_call(cabinet=counter.cabinet)
    delivery = make_delivery(call=call, counter=counter)
    audit.log_change(
        cabinet=counter.cabinet,
        actor=owner,
        action="delivery.called_off",
        subject=delivery,
        after={"call": call.pk},
    )
    switch_off(counter, None)
    sources.change_source(
        source=source, name="CRM", time_zone="", region=source.region, actor=owner
    )
    membership = viewer.cabinet_memberships.get()
    owner_client.post(reverse("cabinets:person-role", args=[membership.pk]), {"role": "manager"})
    owner_client.post(reverse("cabinets:person-remove", args=[membership.pk]))

    found = entries(owner_client)

    assert [(one.who, one.what, one.subject.text, one.subject.url) for one in found] == [
        ("owner@example.ru", "Человек удалён из кабинета", "viewer@example.ru", ""),
        ("owner@example.ru", "Роль изменена", "viewer@example.ru", ""),
        ("owner@example.ru", "Источник изменён", "CRM", f"/lk/integrations/sources/{source.pk}"),
        (
            "Система",
            "Отправка выключена",
            f"Окна Столица · {counter.number}",
            reverse("counters:settings", args=[counter.pk]),
        ),
        (
            "owner@example.ru",
            "Отправка звонка отменена",
            f"Звонок {call.pk}",
            reverse("calls:journey", args=[call.pk]),
        ),
    ]
    facts = [(one.label, one.before, one.after) for one in found[1].facts + found[2].facts]
    assert facts == [
        ("Роль", "Наблюдатель", "Управляющий"),
        ("Название", "CallKeeper", "CRM"),
        ("Часовой пояс", "Europe/Moscow", ""),
    ]


def test_filters_and_pages(
    owner_client: Client,
    owner: User,
    manager: User,
    counter: Counter,
    source: CallSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=10)):
        switch_off(counter, manager)
    sources.switch_source(source=source, is_active=False, actor=owner)
    sources.switch_source(source=source, is_active=True)
    support = factories.make_user(is_staff=True)
    audit.log_change(cabinet=counter.cabinet, actor=support, action="admin.changed", subject=source)

    def told(**query: Any) -> list[tuple[str, str]]:
        return [(one.who, one.what) for one in entries(owner_client, **query)]

    by_support = ("Поддержка CallKeeper", "Поддержка изменила запись")
    by_system = ("Система", "Источник включён")
    by_owner = ("owner@example.ru", "Источник выключен")
    by_manager = ("manager@example.ru", "Отправка выключена")
    assert told() == [by_support, by_system, by_owner, by_manager]
    assert told(who=owner.pk) == [by_owner]
    assert told(who="system") == [by_system]
    assert told(who="others") == [by_support]
    assert told(what="counters") == [by_manager]
    assert told(what="people") == []
    assert told(days=7) == [by_support, by_system, by_owner]
    assert told(object=f"counters.counter:{counter.pk}") == [by_manager]
    assert told(what="no such", who="²") == []
    monkeypatch.setattr(trail, "PAGE", 3)
    first = owner_client.get(URL)
    assert len(first.context["entries"]) == 3
    assert told(before=first.context["next"]) == [by_manager]


def test_undo_is_offered_while_the_change_stands(
    owner_client: Client, owner: User, viewer: User, counter: Counter, source: CallSource
) -> None:
    switch_off(counter, owner)
    sources.switch_source(source=source, is_active=False, actor=owner)
    pk = viewer.cabinet_memberships.get().pk
    owner_client.post(reverse("cabinets:person-role", args=[pk]), {"role": "manager"})

    found = entries(owner_client)
    assert [(one.undo.name, one.undo.value) for one in found] == [
        ("role", "viewer"),
        ("enabled", "1"),
        ("enabled", "1"),
    ]
    for one in found:
        owner_client.post(one.undo.url, {one.undo.name: one.undo.value})

    counter.refresh_from_db()
    source.refresh_from_db()
    viewer_now = viewer.cabinet_memberships.get()
    assert (counter.enabled, source.is_active, viewer_now.role) == (True, True, "viewer")
    assert [one.undo.value for one in entries(owner_client) if one.undo] == ["0", "0", "manager"]


def test_viewer_reads_without_e_mails_and_undoes_nothing(
    viewer_client: Client, owner: User, counter: Counter, cabinet: Cabinet
) -> None:
    switch_off(counter, owner)
    invited = factories.make_invitation(cabinet=cabinet, invited_by=owner)
    audit.log_change(
        cabinet=cabinet,
        actor=owner,
        action="invitation.created",
        subject=invited,
        after={"email": "anna@okna.example", "role": "viewer"},
    )

    answer = viewer_client.get(URL)

    assert "Создано приглашение" in text_of(answer)
    assert "anna@okna.example" not in answer.content.decode()
    assert all(one.undo is None for one in answer.context["entries"])
    assert "Вернуть" not in text_of(answer)


def test_page_makes_as_many_queries_for_many_events(
    owner_client: Client, owner: User, cabinet: Cabinet, counter: Counter
) -> None:
    def make(number: int) -> None:
        other = factories.make_counter(account=counter.account)
        source = factories.make_source(cabinet=cabinet)
        for subject, action in (
            (other, "counter.switched"),
            (source, "source.switched"),
            (counter.account, "account.link"),
            (owner.cabinet_memberships.get(), "membership.changed"),
        ):
            audit.log_change(cabinet=cabinet, actor=owner, action=action, subject=subject)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert len(entries(owner_client)) == AuditEvent.objects.count()
        return len(found)

    make(0)
    few = queries()
    for number in range(5):
        make(number)

    assert queries() == few <= 14
