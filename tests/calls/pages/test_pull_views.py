from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet, CallSource
from calls.models import Intake, PullSource
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.conftest import sandbox as sandbox
from tests.devtools.sandbox.actor import control
from tests.factories import PULL_KEY

ADD = reverse("calls:source-add-pull")
FORM = {"name": "Мой CallKeeper", "time_zone": "Europe/Moscow", "api_key": PULL_KEY, "days": "3"}


@pytest.fixture
def callkeeper(sandbox: RunningSandbox, settings: Settings) -> RunningSandbox:
    settings.CALLKEEPER_API_URL = f"{sandbox.url}/api/"
    control(sandbox, "callkeeper/accounts", key=PULL_KEY, name="test")
    return sandbox


@pytest.fixture
def pull(cabinet: Cabinet) -> PullSource:
    return factories.make_pull(source=factories.make_source(cabinet=cabinet, kind="pull"))


def url(name: str, pull: PullSource) -> str:
    return reverse(f"calls:source-pull-{name}", args=[pull.pk])


def test_source_is_added_with_its_key_sealed_and_never_shown(
    callkeeper: RunningSandbox, owner_client: Client, cabinet: Cabinet
) -> None:
    before = timezone.now()
    answer = owner_client.post(ADD, FORM, follow=True)

    pull = PullSource.objects.select_related("source").get()
    assert pull.source.kind == CallSource.Kind.PULL
    assert (pull.source.cabinet, pull.source.name) == (cabinet, FORM["name"])
    assert pull.api_key == PULL_KEY
    assert timedelta(0) <= pull.pull_from - (before - timedelta(days=3)) < timedelta(minutes=1)
    assert pull.next_at <= timezone.now()
    assert "первые звонки придут" in answer.content.decode()
    assert PULL_KEY not in answer.content.decode()
    events = list(AuditEvent.objects.order_by("pk"))
    assert [one.action for one in events] == ["source.created", "source.pull_created"]
    assert PULL_KEY not in str([one.after for one in events])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"api_key": "anotherkey000000"}, "CallKeeper не принимает этот ключ"),
        ({"api_key": "ключ с пробелом"}, "в нём 16 латинских букв и цифр"),
        ({"api_key": ""}, "Введите ключ API."),
        ({"time_zone": ""}, "Обязательное поле."),
        ({"days": "22"}, "Укажите от 1 до 21"),
        ({"name": "Занятое"}, "Источник с таким названием уже есть."),
    ],
)
def test_refused_form_says_why_and_adds_nothing(
    callkeeper: RunningSandbox,
    owner_client: Client,
    cabinet: Cabinet,
    changes: dict[str, str],
    sentence: str,
) -> None:
    factories.make_source(cabinet=cabinet, name="Занятое")

    page = owner_client.post(ADD, FORM | changes).content.decode()

    assert sentence in page
    assert FORM["api_key"] not in page
    assert not PullSource.objects.exists()
    assert CallSource.objects.count() == 1
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("key", "fault", "sentence"),
    [
        (PULL_KEY, "", "Ключ подходит"),
        ("anotherkey000000", "", "CallKeeper не принимает этот ключ"),
        (PULL_KEY, "callkeeper_html", "CallKeeper не отвечает."),
        (PULL_KEY, "callkeeper_429", "CallKeeper просит спрашивать реже."),
        ("", "", "Введите ключ API."),
    ],
)
def test_check_of_a_key_answers_at_once_and_stores_nothing(
    callkeeper: RunningSandbox, owner_client: Client, key: str, fault: str, sentence: str
) -> None:
    if fault:
        control(callkeeper, "faults", name=fault)

    page = owner_client.post(ADD, FORM | {"api_key": key, "check": "1"}).content.decode()

    assert sentence in page
    assert 'value="Мой CallKeeper"' in page
    assert PULL_KEY not in page
    assert not CallSource.objects.exists()


def test_key_that_could_not_be_checked_is_stored_with_a_warning(
    callkeeper: RunningSandbox, owner_client: Client
) -> None:
    control(callkeeper, "faults", name="callkeeper_html")

    page = owner_client.post(ADD, FORM, follow=True).content.decode()

    assert "Ключ не проверен. CallKeeper не отвечает." in page
    assert PullSource.objects.count() == 1


def test_checks_of_a_cabinet_are_limited(callkeeper: RunningSandbox, owner_client: Client) -> None:
    answers = [owner_client.post(ADD, FORM | {"check": "1"}) for _number in range(11)]

    assert "Слишком много проверок" not in answers[9].content.decode()
    assert "Слишком много проверок" in answers[10].content.decode()


def test_another_key_ends_the_wrong_one(
    callkeeper: RunningSandbox, owner_client: Client, pull: PullSource
) -> None:
    PullSource.objects.update(
        state="wrong_key", api_key="old", error_code="wrong_key", failures=1, page=7,
        window_from=pull.pull_from, window_to=timezone.now(), lease="held",
    )  # fmt: skip

    owner_client.post(url("key", pull), {"api_key": PULL_KEY})

    pull.refresh_from_db()
    assert (pull.state, pull.api_key, pull.error_code) == ("active", PULL_KEY, "")
    assert (pull.window_to, pull.page, pull.lease) == (None, 0, "")
    assert pull.next_at <= timezone.now()
    event = AuditEvent.objects.get()
    assert (event.action, event.after) == ("source.pull_key_changed", {"state": "active"})


def test_wrong_new_key_changes_nothing(
    callkeeper: RunningSandbox, owner_client: Client, pull: PullSource
) -> None:
    page = owner_client.post(url("key", pull), {"api_key": "anotherkey000000"}).content.decode()

    assert "CallKeeper не принимает этот ключ" in page
    pull.refresh_from_db()
    assert pull.api_key == PULL_KEY
    assert not AuditEvent.objects.exists()


def test_pause_resume_and_pull_now(owner_client: Client, pull: PullSource) -> None:
    owner_client.post(url("switch", pull), {"enabled": "0"})
    owner_client.post(url("now", pull))
    pull.refresh_from_db()
    assert (pull.state, pull.next_at > timezone.now()) == ("paused", True)

    owner_client.post(url("switch", pull), {"enabled": "1"})
    pull.refresh_from_db()
    assert (pull.state, pull.next_at > timezone.now()) == ("active", False)

    PullSource.objects.update(next_at=timezone.now() + timedelta(minutes=5))
    owner_client.post(url("now", pull))
    pull.refresh_from_db()
    assert pull.next_at <= timezone.now()
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["source.pull_switched"] * 2 + ["source.pull_ordered"]


@pytest.mark.parametrize("name", ["integrations:dashboard", "cabinets:sources"])
def test_wrong_key_is_a_notice(owner_client: Client, pull: PullSource, name: str) -> None:
    PullSource.objects.update(state="wrong_key", error_code="wrong_key")

    page = owner_client.get(reverse(name)).content.decode()

    assert "его могли сменить или отозвать. Введите ключ заново." in page


def test_metrics_tell_stopped_and_late_sources(client: Client, pull: PullSource) -> None:
    PullSource.objects.update(failures=4, next_at=timezone.now() - timedelta(hours=1))

    text = client.get("/metrics").content.decode()

    assert 'callkeeper_pull_sources{state="active"} 1.0' in text
    assert 'callkeeper_pull_sources{state="failing"} 1.0' in text
    assert 'callkeeper_pull_sources{state="wrong_key"} 0.0' in text
    late = next(line for line in text.splitlines() if line.startswith("callkeeper_pull_late"))
    assert 3600 <= float(late.split()[1]) < 3700


def panel_of(client: Client, pull: PullSource) -> str:
    page = client.get(reverse("calls:source", args=[pull.pk])).content.decode()
    assert PULL_KEY not in page
    panel = page[page.index('aria-labelledby="pull-title"') :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", panel[: panel.index("</section>")])).split())


@pytest.mark.parametrize(
    ("values", "sentence", "buttons"),
    [
        (
            {},
            "Звонки забираются сами, раз в 5 мин.",
            ["Забрать сейчас", "Приостановить", "Сменить ключ"],
        ),
        (
            {"error_code": "too_many_requests", "failures": 1},
            "Забрать звонки не удалось. CallKeeper просит спрашивать реже. Повторим сами.",
            ["Приостановить", "Сменить ключ"],
        ),
        (
            {"error_code": "refused", "error_text": "Call 79161234567", "failures": 1},
            "CallKeeper ответил ошибкой: «Call +7 ***",
            ["Забрать сейчас", "Приостановить", "Сменить ключ"],
        ),
        (
            {"state": "paused"},
            "На паузе. Пропущенные звонки заберём, когда вы продолжите.",
            ["Продолжить", "Сменить ключ"],
        ),
        (
            {"state": "wrong_key", "error_code": "wrong_key"},
            "CallKeeper не принимает ключ: его могли сменить или отозвать. Введите ключ заново.",
            ["Сменить ключ"],
        ),
    ],
)
def test_panel_says_how_it_stands_and_offers_what_can_be_done(
    owner_client: Client,
    viewer_client: Client,
    pull: PullSource,
    values: dict[str, Any],
    sentence: str,
    buttons: list[str],
) -> None:
    PullSource.objects.update(**values)
    every = ("Забрать сейчас", "Приостановить", "Продолжить", "Сменить ключ")

    text, of_viewer = panel_of(owner_client, pull), panel_of(viewer_client, pull)

    assert sentence in text
    assert sentence in of_viewer
    assert [one for one in every if one in text] == buttons
    assert [one for one in every if one in of_viewer] == []


def test_panel_shows_the_last_run_what_came_and_the_progress_of_many_days(
    owner_client: Client, pull: PullSource
) -> None:
    now = timezone.now()
    PullSource.objects.update(
        pull_from=now - timedelta(days=21),
        pulled_until=now - timedelta(days=13, hours=23),
        run_ended_at=now,
        run_received=12,
        run_created=7,
        run_updated=2,
        run_rejected=1,
    )
    for way, created in (("pull", 7), ("file", 100)):
        Intake.objects.create(
            source=pull.source, way=way, at=now, received=created, created=created,
            updated=0, duplicate=0, rejected=0,
        )  # fmt: skip

    text = panel_of(owner_client, pull)

    assert "Записей: 12, новых: 7, изменённых: 2, отклонённых: 1" in text
    assert "новых звонков: 7, изменений: 0" in text
    assert "осталось дней: 14" in text


def test_page_asks_again_while_calls_are_pulled_and_not_afterwards(
    owner_client: Client, stranger_client: Client, pull: PullSource
) -> None:
    part = f"{reverse('calls:source', args=[pull.pk])}?part=pull"

    def asks_again(**values: Any) -> bool:
        PullSource.objects.update(**values)
        answer = owner_client.get(part)
        assert answer.status_code == 200
        return 'hx-trigger="every 3s"' in answer.content.decode()

    now = timezone.now()
    soon = now + timedelta(minutes=5)
    assert asks_again(next_at=now)
    assert not asks_again(next_at=soon)
    assert asks_again(lease="one", lease_until=soon)
    assert not asks_again(state="paused")
    assert stranger_client.get(part).status_code == 404
