"""Filters and searches of the support desk read no whole table and survive any word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.models import Delivery, Upload, UploadAttempt
from calls.pages.attempt_messages import OUTCOMES
from counters.models import Counter, Goal
from integrations.yandex.errors import AuthorisationRefused, YandexError
from tests import factories
from tests.calls.ledger import make_upload

APPS = ("cabinets", "integrations", "counters", "calls")
MODELS = [model for model in admin.site._registry if model._meta.app_label in APPS]
NOW = timezone.now()


@pytest.fixture
def desk(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("support"))
    return client


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def listed(desk: Client, model: type[Model], **query: str) -> list[Any]:
    answer = desk.get(list_of(model), query)
    assert answer.status_code == 200
    return [one.pk for one in answer.context["cl"].result_list]


def choices(desk: Client, model: type[Model], parameter: str) -> list[str]:
    filters = desk.get(list_of(model)).context["cl"].filter_specs
    chosen = next(one for one in filters if getattr(one, "parameter_name", "") == parameter)
    shown = chosen.choices(desk.get(list_of(model)).context["cl"])
    return [str(choice["display"]) for choice in shown]


def make_attempt(upload: Upload, number: int, error: str = "", days: int = 0) -> int:
    started = NOW - timedelta(days=days)
    attempt = UploadAttempt.objects.create(
        upload=upload, number=number, started_at=started, ended_at=started, error_class=error
    )
    return attempt.pk


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_filter_asks_a_table_which_values_it_holds(desk: Client, model: type[Model]) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert desk.get(list_of(model)).status_code == 200

    assert [query["sql"] for query in asked if "DISTINCT" in query["sql"]] == []


def test_tries_are_filtered_by_age_and_by_how_they_ended(desk: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter)
    old = make_attempt(upload, 1, "WorkerLost", days=40)
    lost = make_attempt(upload, 2, "WorkerLost", days=5)
    taken = make_attempt(upload, 3)

    assert listed(desk, UploadAttempt) == [taken, lost]
    assert listed(desk, UploadAttempt, outcome="WorkerLost") == [lost]
    assert listed(desk, UploadAttempt, outcome="WorkerLost", age="all") == [lost, old]
    assert listed(desk, UploadAttempt, age="1") == [taken]


def test_every_end_of_a_try_can_be_asked_for(desk: Client) -> None:
    # Only linking and renewing tokens, which are no tries, are refused in OAuth's dialect.
    of_yandex = {kind.__name__ for kind in YandexError.__subclasses__()} - {
        AuthorisationRefused.__name__
    }
    ours = {"WorkerLost", "NotInList", "AbsenceProven"}

    assert of_yandex | ours <= set(OUTCOMES)
    assert len(choices(desk, UploadAttempt, "outcome")) == len(OUTCOMES) + 1


def test_days_of_tries_are_found_by_their_index(desk: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter)
    UploadAttempt.objects.bulk_create(
        UploadAttempt(upload=upload, number=days, started_at=NOW - timedelta(days=days))
        for days in range(1, 2001)
    )
    with CaptureQueriesContext(connection) as asked:
        listed(desk, UploadAttempt, outcome="Unreachable")
    rows = next(
        query["sql"]
        for query in asked
        if "started_at" in query["sql"] and "ORDER BY" in query["sql"]
    )

    with connection.cursor() as cursor:
        # Of a few rows, or of a number not known, the planner would rather read the whole table.
        cursor.execute("ANALYZE calls_uploadattempt")
        cursor.execute(f"EXPLAIN {rows}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "attempt_by_age" in plan
    assert "Index Cond: (started_at >=" in plan


def test_goals_are_filtered_by_whether_metrika_has_them(desk: Client, counter: Counter) -> None:
    there = factories.make_goal(counter=counter)
    deleted = factories.make_goal(counter=counter)
    Goal.objects.filter(pk=deleted.pk).update(deleted_at=NOW)

    assert listed(desk, Goal) == [deleted.pk, there.pk]
    assert listed(desk, Goal, gone="no") == [there.pk]
    assert listed(desk, Goal, gone="yes") == [deleted.pk]


def test_the_usual_age_is_called_by_its_days(desk: Client) -> None:
    assert choices(desk, UploadAttempt, "age") == ["21 день", "Сутки", "Неделя", "90 дней", "Всё"]
    assert choices(desk, Upload, "age") == ["90 дней", "Сутки", "Неделя", "21 день", "Всё"]


@pytest.mark.parametrize("age", ["²", "9" * 5000, "-1", "вчера"])
def test_an_age_that_is_none_narrows_nothing(desk: Client, counter: Counter, age: str) -> None:
    old = make_attempt(make_upload(counter=counter), 1, days=400)

    assert listed(desk, UploadAttempt, age=age) == [old]


@pytest.mark.parametrize("model", [Delivery, Upload, Counter, Goal])
@pytest.mark.parametrize("term", ["9" * 19, "9" * 20, "9" * 5000, "²", "٣"])
def test_a_number_of_any_length_may_be_searched_for(
    desk: Client, model: type[Model], term: str
) -> None:
    assert listed(desk, model, q=term) == []
