"""The check that a person orders: its steps ask Metrika, and their rows are the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from counters.models import Counter
from counters.states import Access
from devtools.sandbox import RunningSandbox
from doctor import run
from doctor.models import Examination, ExaminationStep
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import control

pytestmark = pytest.mark.django_db
DOCTOR = "/lk/integrations/doctor"
CHECK = "/lk/integrations/doctor/check"
WINDOWS = 91234567


@pytest.fixture
def counter(okna: YandexAccount) -> Counter:
    """A counter of the sandbox with a goal that Metrika does not have."""
    made = factories.make_counter(account=okna, number=WINDOWS, name="Окна")
    made.goal = factories.make_goal(counter=made, goal_id=1)
    made.save(update_fields=["goal"])
    return made


def test_check_reads_accounts_and_goals_and_shows_what_it_found(
    owner_client: Client, counter: Counter, sandbox: RunningSandbox, cabinet: Cabinet
) -> None:
    answer = owner_client.post(CHECK)
    again = owner_client.post(CHECK)

    assert (answer.status_code, answer.headers["Location"]) == (303, DOCTOR)
    assert "Проверка уже идёт." in owner_client.get(again.headers["Location"]).content.decode()
    assert run.progress_of(cabinet) == run.Progress(0, 2)
    assert AuditEvent.objects.filter(action="cabinet.examined").count() == 1

    assert run.run(seconds=60) == 2

    assert run.progress_of(cabinet) is None
    assert Examination.objects.get().finished_at is not None
    counter.refresh_from_db()
    assert counter.goals_refreshed_at is not None
    page = owner_client.get(DOCTOR)
    assert "Цель не найдена: её удалили в Метрике." in page.content.decode()
    assert "Проверить сейчас" in page.content.decode()


def test_lost_right_is_found(
    owner_client: Client, counter: Counter, sandbox: RunningSandbox
) -> None:
    control(sandbox, f"people/okna-stolica/counters/{WINDOWS}", permission="view")
    owner_client.post(CHECK)

    run.run(seconds=60)

    counter.refresh_from_db()
    assert counter.access == Access.VIEW_ONLY
    assert "осталось только право просмотра" in owner_client.get(DOCTOR).content.decode()


def test_answer_that_does_not_come_is_named_until_metrika_answers_again(
    owner_client: Client, counter: Counter, sandbox: RunningSandbox
) -> None:
    control(sandbox, "faults", name="html_5xx", times=None)
    owner_client.post(CHECK)

    run.run(seconds=60)

    step = ExaminationStep.objects.get(counter=None)
    assert (step.problem, step.done_at is not None) == ("no_answer", True)
    text = "При последней проверке списка счетчиков: Метрика сейчас не отвечает."
    assert text in owner_client.get(DOCTOR).content.decode()
    YandexAccount.objects.update(counters_refreshed_at=timezone.now())
    assert text not in owner_client.get(DOCTOR).content.decode()


def test_step_of_a_dead_worker_is_made_by_the_next_one(
    owner_client: Client, counter: Counter, sandbox: RunningSandbox
) -> None:
    owner_client.post(CHECK)
    now = timezone.now()
    ExaminationStep.objects.update(claimed_until=now + timedelta(minutes=1))
    assert run.run(seconds=60) == 0

    ExaminationStep.objects.update(claimed_until=now - timedelta(seconds=1))
    assert run.run(seconds=60) == 2


def test_cabinet_without_accounts_has_nothing_to_ask(
    owner_client: Client, cabinet: Cabinet
) -> None:
    owner_client.post(CHECK)

    assert Examination.objects.get(cabinet=cabinet).finished_at is not None
    assert not ExaminationStep.objects.exists()


def test_viewer_cannot_order_it(viewer_client: Client, cabinet: Cabinet) -> None:
    assert viewer_client.post(CHECK).status_code == 403
    assert not Examination.objects.exists()


def test_step_that_fails_each_time_does_not_keep_the_check_from_ending(
    owner_client: Client,
    counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_given: object, **_named: object) -> None:
        raise KeyError("unexpected")

    owner_client.post(CHECK)
    monkeypatch.setattr("doctor.run.refresh_goals", broken)

    assert run.run(seconds=60) == 2

    assert ExaminationStep.objects.get(counter=counter).problem == "unexpected_answer"
    assert Examination.objects.get().finished_at is not None
