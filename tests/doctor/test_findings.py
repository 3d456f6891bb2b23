"""What the check of the connection finds, each with the repair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.models import EmptyField, LogRequest, PullSource, UnknownLogRow
from calls.states import Attention, Channel, UploadState
from counters.models import Counter
from counters.states import Access
from doctor.findings.check import Check
from doctor.page import Part
from integrations.models import RequestDay, YandexAccount
from integrations.tokens.account_state import Reason
from notices.models import Notice
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

DOCTOR = "/lk/integrations/doctor"


@pytest.fixture
def source(cabinet: Cabinet) -> CallSource:
    return factories.make_source(cabinet=cabinet, last_used_at=timezone.now())


@pytest.fixture
def counter(account: YandexAccount, source: CallSource) -> Counter:
    """A counter with which everything is right."""
    now = timezone.now()
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=now)
    made = factories.make_counter(account=account, last_synced_at=now, goals_refreshed_at=now)
    made.goal = factories.make_goal(counter=made)
    made.save(update_fields=["goal"])
    return made


def faults(client: Client, **query: str) -> list[Check]:
    context = client.get(DOCTOR, query).context
    parts: list[Part] = [
        context["sources"],
        *context["account_parts"],
        *context["counter_parts"],
    ]
    return [check for part in parts for check in part.faults]


def only_fault(client: Client) -> tuple[str, str, str]:
    (fault,) = faults(client)
    return str(fault.title), fault.tone, fault.cure.url if fault.cure else ""


def test_healthy_cabinet_is_said_to_be_healthy(owner_client: Client, counter: Counter) -> None:
    page = owner_client.get(DOCTOR)

    assert faults(owner_client) == []
    assert "Всё в порядке: проверок — 12." in page.content.decode()
    of_counter = owner_client.get(DOCTOR, {"counter": counter.pk})
    (part,) = of_counter.context["counter_parts"]
    assert {check.tone for check in part.checks} == {"success"}
    assert len(part.checks) == 7


@pytest.mark.parametrize(
    ("state", "reason", "label", "sentence"),
    [
        ("reauth_required", Reason.TOKEN_REJECTED, "Переподключить", "требует переподключения."),
        ("disconnected", "", "Подключить снова", "отключён."),
    ],
)
def test_account_that_needs_a_new_sign_in(
    owner_client: Client, counter: Counter, state: str, reason: str, label: str, sentence: str
) -> None:
    account = counter.account
    gone = {"access_token": "", "refresh_token": ""} if state == "disconnected" else {}
    YandexAccount.objects.filter(pk=account.pk).update(state=state, state_reason=reason, **gone)

    reconnect = reverse("integrations:link-reauthorise", args=[account.pk])
    for query in ({}, {"counter": str(counter.pk)}):
        found = faults(owner_client, **query)
        titles = [str(one.title) for one in found]
        assert titles == ["Доступ к Яндексу", "Счетчик и право на отправку"]
        assert {(one.cure.url, str(one.cure.label)) for one in found if one.cure} == {
            (reconnect, label)
        }
        assert all(str(one.text).startswith(f"Аккаунт Яндекса {sentence}") for one in found)
        page = owner_client.get(DOCTOR, query)
        assert page.context["fine_count"] == 0
        assert "Всё в порядке" not in page.content.decode()

    Counter.objects.update(enabled=False)
    assert [str(one.title) for one in faults(owner_client)] == (
        ["Доступ к Яндексу"] if state == "reauth_required" else []
    )


def test_missing_scope_is_named(owner_client: Client, counter: Counter) -> None:
    YandexAccount.objects.update(scopes=["login:info", "metrika:read"])

    (fault,) = faults(owner_client)
    assert "metrika:offline_data" in str(fault.text)
    assert fault.cure is not None
    assert fault.cure.is_post


@pytest.mark.parametrize(
    ("values", "title", "tone", "url"),
    [
        ({"access": Access.LOST}, "Счетчик и право на отправку", "danger", "counters:check-access"),
        (
            {"stopped_cause": "rejecting"},
            "Счетчик и право на отправку",
            "danger",
            "counters:continue",
        ),
        ({"configured_at": None}, "Настройки", "warning", "counters:settings"),
    ],
)
def test_fault_of_a_counter_leads_to_its_repair(
    owner_client: Client,
    counter: Counter,
    values: dict[str, str | None],
    title: str,
    tone: str,
    url: str,
) -> None:
    Counter.objects.filter(pk=counter.pk).update(**values)

    subject = counter.account_id if url == "counters:check-access" else counter.pk
    assert only_fault(owner_client) == (title, tone, reverse(url, args=[subject]))


def test_goal_that_is_gone(owner_client: Client, counter: Counter) -> None:
    counter.goal.deleted_at = timezone.now()  # type: ignore[union-attr]
    counter.goal.save()  # type: ignore[union-attr]

    settings = reverse("counters:settings", args=[counter.pk])
    assert only_fault(owner_client) == ("Цель", "warning", settings)


def test_counter_that_is_off_is_no_fault_and_can_be_switched_on(
    owner_client: Client, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(enabled=False)

    assert faults(owner_client) == []
    whole = owner_client.get(DOCTOR)
    assert (whole.context["fine_count"], whole.context["off_count"]) == (0, 1)
    assert "Замечаний нет: проверок — 12." in whole.content.decode()
    assert f'href="{reverse("counters:list")}?state=off"' in whole.content.decode()
    page = owner_client.get(DOCTOR, {"counter": counter.pk})
    assert "Выключен: сейчас ничего не отправляется." in page.content.decode()
    assert "Всё в порядке" not in whole.content.decode() + page.content.decode()
    (settings,) = [one for one in page.context["counter_parts"][0].checks if one.tone == "info"]
    assert settings.cure.fields == (("enabled", "1"),)
    owner_client.post(settings.cure.url, dict(settings.cure.fields))
    assert Counter.objects.get(pk=counter.pk).enabled


def test_upload_that_needs_attention_is_counted(owner_client: Client, counter: Counter) -> None:
    make_upload(counter=counter, state=UploadState.NEEDS_ATTENTION, attention=Attention.NO_OUTCOME)

    (fault,) = faults(owner_client)
    assert str(fault.title) == "Последние выгрузки"
    assert "требуют внимания: 1." in str(fault.text)


def test_queue_says_what_blocks_it_and_when_the_first_call_is_late(
    owner_client: Client, counter: Counter
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, channel=Channel.CALLS)
    assert faults(owner_client) == []
    RequestDay.objects.create(
        yandex_uid=counter.account.yandex_uid,
        day=timezone.now().astimezone(UTC).date(),
        paused_until=timezone.now() + timedelta(hours=1),
    )

    limit, queue = faults(owner_client)
    assert (str(limit.title), str(queue.title)) == ("Лимит запросов", "Очередь")
    assert str(queue.text).startswith("Ждут отправки: 1. Исчерпан лимит запросов Яндекса")
    assert "Первый из них опоздает" in str(queue.text)


def test_quota_near_its_end(owner_client: Client, counter: Counter) -> None:
    RequestDay.objects.create(
        yandex_uid=counter.account.yandex_uid,
        day=timezone.now().astimezone(UTC).date(),
        polls=3000,
        uploads=200,
    )

    (fault,) = faults(owner_client)
    assert str(fault.text).startswith("Сегодня сделано запросов: 3200 из 4000.")


def test_cabinet_without_a_source(owner_client: Client, counter: Counter) -> None:
    CallSource.objects.update(is_active=False)

    assert only_fault(owner_client) == (
        "Источники звонков",
        "danger",
        reverse("cabinets:sources"),
    )


def test_silent_source_and_its_empty_field(
    owner_client: Client, counter: Counter, source: CallSource
) -> None:
    CallSource.objects.update(last_used_at=timezone.now() - timedelta(days=8))
    assert only_fault(owner_client)[0] == f"Источник «{source.name}»"

    EmptyField.objects.create(
        source=source,
        field="clientId",
        since=datetime(2026, 11, 20, 9, tzinfo=UTC),
        counted_at=datetime(2026, 11, 21, 9, tzinfo=UTC),
        calls=10,
        empty=10,
        calls_before=20,
        empty_before=1,
    )
    (fault,) = faults(owner_client)
    assert str(fault.text).startswith("Пустые поля: поле clientId пустое у 100 %")


def test_proof_that_stands_still_is_told_with_its_cause_and_the_last_good_one(
    owner_client: Client, counter: Counter
) -> None:
    def told() -> tuple[str, str]:
        page = owner_client.get(DOCTOR, {"counter": counter.pk})
        (part,) = page.context["counter_parts"]
        check = part.checks[-1]
        assert str(check.title) == "Проверка привязки"
        return check.tone, str(check.text)

    def request(day: int, **fields: object) -> None:
        date, at = datetime(2026, 11, day, tzinfo=UTC), datetime(2026, 11, day + 1, tzinfo=UTC)
        values = {"date1": date, "date2": date, "requested_at": at, "next_at": at, "posted_at": at}
        LogRequest.objects.create(counter=counter, **values | fields)

    Counter.objects.filter(pk=counter.pk).update(link_proof=True)
    assert told() == ("info", "Логи Метрики ещё не читали: первая проверка — ближайшей ночью.")
    request(11, state="done")
    last = "Логи прочитаны по 11 ноября, на 12 ноября 2026, 03:00."
    assert told() == ("success", last)
    request(12, state="reading")
    assert told() == ("success", f"Читаем логи Метрики. {last}")
    LogRequest.objects.filter(state="reading").update(error="budget")
    spent = "Запросы к Метрике, отведённые на чтение логов, сегодня закончились."
    waits = "Чтение логов стоит, следующая попытка 13 ноября 2026, 03:00."
    assert told() == ("warning", f"{waits} {spent} {last}")
    LogRequest.objects.filter(state="reading").update(state="failed", error="gone")
    gone = "Метрика удалила логи раньше, чем мы их прочитали. Повторим следующей ночью."
    assert told() == ("warning", f"Последнее чтение логов не удалось. {gone} {last}")
    now, upload = timezone.now(), make_upload(counter=counter)
    UnknownLogRow.objects.create(
        counter=counter, upload=upload, uploading_id=1, kind="doubled", moment=now, count=2,
        fingerprint="0", found_at=now,
    )  # fmt: skip
    assert told() == ("danger", "В Метрике есть строки, которых мы не отправляли: 2.")


def test_number_of_queries_does_not_grow_with_the_counters(
    owner_client: Client, counter: Counter
) -> None:
    owner_client.get(DOCTOR)
    with CaptureQueriesContext(connection) as of_one:
        owner_client.get(DOCTOR)
    for _each in range(3):
        account = factories.make_account(cabinet=counter.cabinet)
        factories.make_counter(account=account, access=Access.LOST)

    with CaptureQueriesContext(connection) as of_four:
        page = owner_client.get(DOCTOR)

    assert len(page.context["counter_parts"]) == 3
    assert len(of_four) == len(of_one)


def test_viewer_sees_the_findings_and_no_button(viewer_client: Client, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(access=Access.LOST)

    page = viewer_client.get(DOCTOR).content.decode()

    assert "Доступ к счетчику потерян" in page
    assert "Проверить и продолжить" not in page
    assert "Проверить сейчас" not in page


def test_open_alert_and_a_source_that_is_not_pulled_are_no_good_order(
    owner_client: Client, viewer_client: Client, counter: Counter, source: CallSource
) -> None:
    now = timezone.now()
    facts = {"counter": counter.pk, "name": counter.name, "observed": 190, "expected": 412.0}
    facts |= {"low": 380, "high": 444, "since": now.isoformat(), "until": now.isoformat()}
    about = {"cabinet": counter.cabinet, "kind": "inflow_low", "opened_at": now}
    notice = Notice.objects.create(**about, subject=f"counter:{counter.pk}", facts=facts)
    for client in (owner_client, viewer_client):
        for query in ({}, {"counter": str(counter.pk)}):
            (fault,) = client.get(DOCTOR, query).context["alerts"].faults
            assert "пришло 190, обычно за это время 380–444" in str(fault.text)
            assert "Всё в порядке" not in client.get(DOCTOR, query).content.decode()
    other = factories.make_counter(account=counter.account)
    assert not owner_client.get(DOCTOR, {"counter": other.pk}).context["alerts"].checks
    Notice.objects.filter(pk=notice.pk).update(gone_since=now)
    assert not owner_client.get(DOCTOR).context["alerts"].checks

    PullSource.objects.create(
        source=source, state="wrong_key", pull_from=now, pulled_until=now, next_at=now
    )
    (check,) = owner_client.get(DOCTOR).context["sources"].faults
    assert "звонки не забираются" in str(check.text)
