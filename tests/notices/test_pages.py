"""The bell, the list of notices, and what a person chooses to be told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from cabinets.models import AuditEvent, Cabinet
from calls.models import UploadAttempt
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.installation.guard import installation
from integrations.models import Installation, YandexAccount
from notices.kinds import Group, Kind
from notices.models import Notice, NoticeChoice, NoticeMessage
from notices.tasks import check_often
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.notices.notices import FACTS, make_notice

LIST, CHOICES = "/lk/integrations/notices", "/lk/integrations/notices/choices"
HOUR = timedelta(hours=1)
#: A value that was not put into its sentence; a share has its sign, as in «40 %».
UNFILLED = re.compile(r"%\(|%%|%[a-z]")


def bell(client: Client) -> str:
    page = client.get("/lk/integrations").content.decode()
    return (
        page.split('<a class="button button--bare bell"')[1].split('aria-label="')[1].split('"')[0]
    )


def test_bell_counts_what_the_person_has_not_seen(
    clock: time_machine.Traveller,
    cabinet: Cabinet,
    owner_client: Client,
    viewer_client: Client,
    stranger_client: Client,
) -> None:
    notice = make_notice(cabinet=cabinet)
    gone = {"gone_since": timezone.now(), "subject": "account:2"}
    make_notice(cabinet=cabinet, **gone)
    make_notice(cabinet=cabinet, subject="account:3", closed_at=timezone.now())
    assert [bell(one) for one in (owner_client, stranger_client)] == [
        "Уведомления, новых: 1",
        "Уведомления",
    ]

    page = owner_client.get(LIST).content.decode()

    assert "Аккаунт Яндекса okna-stolica нужно переподключить: звонки ждут и уйдут сами" in page
    assert [bell(one) for one in (owner_client, viewer_client)] == [
        "Уведомления",
        "Уведомления, новых: 1",
    ]
    clock.shift(HOUR)
    make_notice(cabinet=cabinet, kind="quota", subject="account:1", facts=FACTS["quota"])
    assert bell(owner_client) == "Уведомления, новых: 1"
    assert notice.pk in {row.notice.pk for row in owner_client.get(LIST).context["standing"]}
    assert "Всё в порядке" in stranger_client.get(LIST).content.decode()
    assert not AuditEvent.objects.exists()


def test_every_kind_has_a_sentence_a_next_step_and_a_page_in_constant_queries(
    cabinet: Cabinet,
    counter: Counter,
    owner_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    source = factories.make_source(cabinet=cabinet)
    for kind in Kind:
        facts = FACTS[kind] | {"counter": counter.pk, "source": source.pk}
        make_notice(cabinet=cabinet, kind=kind, subject="x", facts=facts)
    owner_client.get(LIST)

    with django_assert_num_queries(12):
        rows = owner_client.get(LIST).context["standing"]

    assert {row.notice.kind for row in rows} == set(Kind)
    texts = [row.words.text for row in rows]
    assert [one for one in texts if UNFILLED.search(one) or len(one) < 60] == []
    statuses = {owner_client.get(row.words.url).status_code for row in rows}
    assert statuses == {200}


def test_kinds_are_listed_without_mail_and_a_halt_is_not_called_calm(
    cabinet: Cabinet, owner_client: Client, settings: Settings
) -> None:
    settings.EMAIL_HOST = ""
    page = owner_client.get(CHOICES).content.decode()
    assert [str(kind.label) for kind in Kind if str(kind.label) not in page] == []
    assert "Всё из таблицы видно в колокольчике" in page
    assert "Всё в порядке" in owner_client.get(LIST).content.decode()

    installation()
    Installation.objects.update(halt_reason="behind", halted_at=timezone.now())

    halted = owner_client.get(LIST).content.decode()
    assert "Новые звонки принимаются и ждут, ничего не теряется." in halted
    assert "Отправка приостановлена: причина — в сообщении вверху страницы." in halted
    assert "Всё в порядке" not in halted


def test_disconnected_account_with_counters_in_use_is_not_called_calm(
    counter: Counter, owner_client: Client, stranger_client: Client
) -> None:
    nothing = {"access_token": "", "refresh_token": ""}
    YandexAccount.objects.update(state="disconnected", login="okna", **nothing)

    page = owner_client.get(LIST).content.decode()

    assert "Отключены аккаунты Яндекса: okna. Звонки в их включённых счетчиках ждут" in page
    assert "Всё в порядке" not in page
    assert "Всё в порядке" in stranger_client.get(LIST).content.decode()
    Counter.objects.update(enabled=False)
    assert "Всё в порядке" in owner_client.get(LIST).content.decode()


def test_what_no_check_has_written_yet_begins_when_its_rows_say_so(
    clock: time_machine.Traveller, cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    now = timezone.now()
    Counter.objects.update(enabled=False)
    waiting, late = (
        make_call(cabinet=cabinet, started_at=now - timedelta(days=days)) for days in (15, 22)
    )
    make_delivery(call=waiting, counter=counter, state=DeliveryState.WAITING)
    ended = {"state": DeliveryState.EXPIRED, "decided_at": now - 5 * HOUR}
    make_delivery(call=late, counter=counter, **ended)
    stuck: dict[str, Any] = {"state": UploadState.NEEDS_ATTENTION, "uploading_id": None}
    upload = make_upload(counter=counter, attention=Attention.REJECTED, rows=3, **stuck)
    refused = {"started_at": now - 3 * HOUR, "ended_at": now - 2 * HOUR}
    UploadAttempt.objects.create(upload=upload, number=1, **refused)

    def shown() -> tuple[dict[str, Any], int]:
        page = owner_client.get(LIST)
        rows = [row.notice for row in page.context["standing"]]
        assert len(rows) == len({(one.kind, one.subject) for one in rows})
        assert ("Начало неизвестно" in page.content.decode()) == (None in begins(rows).values())
        return begins(rows), page.context["more"]

    def begins(rows: list[Notice]) -> dict[str, Any]:
        return {one.kind: one.opened_at for one in rows}

    week = {"expiring_week": None, "expired": now - 5 * HOUR}
    assert shown() == (week | {"stuck": now - 2 * HOUR}, 0)
    # Back before it has ended: the same notice. More than a page holds are counted.
    again = {"kind": "stuck", "subject": f"counter:{counter.pk}", "facts": FACTS["stuck"]}
    make_notice(cabinet=cabinet, opened_at=now - 48 * HOUR, gone_since=now, **again)
    assert shown() == (week | {"stuck": now - 48 * HOUR}, 0)
    other = {"cabinet": cabinet, "kind": "quota", "facts": FACTS["quota"], "opened_at": now}
    Notice.objects.bulk_create(Notice(subject=f"account:{one}", **other) for one in range(240))
    begun, more = shown()
    assert (set(begun), more) == ({*week, "stuck", "quota"}, 43)
    assert "Показаны последние 200, не показано ещё: 43." in owner_client.get(LIST).content.decode()


def test_choice_decides_what_is_sent(
    settings: Settings, owner: User, viewer: User, counter: Counter, viewer_client: Client
) -> None:
    settings.EMAIL_HOST = "mail.example"
    page = viewer_client.get(CHOICES).content.decode()
    assert page.count('type="checkbox"') == len(Group)
    assert page.count(" checked") == 1  # no digest; a viewer gets no e-mails by default
    form = {"cabinet": counter.cabinet_id, "digest": "off", "email": ["counters", "quota"]}

    answer = viewer_client.post(CHOICES, form)

    assert (answer.status_code, answer["Location"]) == (303, CHOICES)
    stored = NoticeChoice.objects.get()
    assert (stored.email_groups, stored.telegram_groups) == (["counters", "quota"], None)
    refused = viewer_client.post(CHOICES, form | {"email": ["all"], "digest": "hourly"})
    assert refused.content.decode().count("Выберите из предложенного.") == 2
    NoticeChoice.objects.update_or_create(
        membership=owner.cabinet_memberships.get(), defaults={"email_groups": ["accounts"]}
    )
    Counter.objects.update(access="lost", goal=factories.make_goal(counter=counter))
    counter.goals.update(deleted_at=timezone.now())

    assert check_often() == 2

    told = {(str(one.user), one.lines.get().notice.kind) for one in _messages()}
    assert told == {("owner", "right_lost"), ("viewer", "goal_gone")}
    assert not AuditEvent.objects.exists()


def _messages() -> list[NoticeMessage]:
    return list(NoticeMessage.objects.all())
