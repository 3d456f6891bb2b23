"""Filters and searches of the admin: they read no whole table and accept any text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call, Upload, UploadAttempt
from calls.pages.attempt_messages import OUTCOMES
from counters.models import Counter, Goal
from integrations.yandex.errors import AuthorisationRefused, YandexError
from tests import factories
from tests.admin.every_model import MODELS, admin_url
from tests.calls.ledger import make_upload
from tests.calls.stored import store_call

NOW = timezone.now()


def listed(support_client: Client, model: type[Model], **query: str) -> list[Any]:
    answer = support_client.get(admin_url(model, "changelist"), query)
    assert answer.status_code == 200
    return [one.pk for one in answer.context["cl"].result_list]


def choices(support_client: Client, model: type[Model], parameter: str) -> list[str]:
    filters = support_client.get(admin_url(model, "changelist")).context["cl"].filter_specs
    chosen = next(one for one in filters if getattr(one, "parameter_name", "") == parameter)
    shown = chosen.choices(support_client.get(admin_url(model, "changelist")).context["cl"])
    return [str(choice["display"]) for choice in shown]


def make_attempt(upload: Upload, number: int, error: str = "", days: int = 0) -> int:
    started = NOW - timedelta(days=days)
    attempt = UploadAttempt.objects.create(
        upload=upload, number=number, started_at=started, ended_at=started, error_class=error
    )
    return attempt.pk


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_filters_do_not_select_the_distinct_values_of_a_table(
    support_client: Client, model: type[Model]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert support_client.get(admin_url(model, "changelist")).status_code == 200

    assert [query["sql"] for query in queries if "DISTINCT" in query["sql"]] == []


def test_attempts_are_filtered_by_age_and_outcome(support_client: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter)
    old = make_attempt(upload, 1, "WorkerLost", days=40)
    lost = make_attempt(upload, 2, "WorkerLost", days=5)
    taken = make_attempt(upload, 3)

    assert listed(support_client, UploadAttempt) == [taken, lost]
    assert listed(support_client, UploadAttempt, outcome="WorkerLost") == [lost]
    assert listed(support_client, UploadAttempt, outcome="WorkerLost", age="all") == [lost, old]
    assert listed(support_client, UploadAttempt, age="1") == [taken]


def test_every_outcome_of_an_attempt_is_a_choice(support_client: Client) -> None:
    # OAuth errors come from linking and token refresh, which are not upload attempts.
    of_yandex = {kind.__name__ for kind in YandexError.__subclasses__()} - {
        AuthorisationRefused.__name__
    }
    ours = {"WorkerLost", "NotInList", "AbsenceProven"}

    assert of_yandex | ours <= set(OUTCOMES)
    assert len(choices(support_client, UploadAttempt, "outcome")) == len(OUTCOMES) + 1


def test_age_of_attempts_uses_its_index(support_client: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter)
    UploadAttempt.objects.bulk_create(
        UploadAttempt(upload=upload, number=days, started_at=NOW - timedelta(days=days))
        for days in range(1, 2001)
    )
    with CaptureQueriesContext(connection) as queries:
        listed(support_client, UploadAttempt, outcome="Unreachable")
    rows = next(
        query["sql"]
        for query in queries
        if "started_at" in query["sql"] and "ORDER BY" in query["sql"]
    )

    with connection.cursor() as cursor:
        # Without statistics, or for few rows, the planner prefers to read the whole table.
        cursor.execute("ANALYZE calls_uploadattempt")
        cursor.execute(f"EXPLAIN {rows}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "attempt_by_age" in plan
    assert "Index Cond: (started_at >=" in plan


def test_goals_are_filtered_by_whether_metrika_has_them(
    support_client: Client, counter: Counter
) -> None:
    there = factories.make_goal(counter=counter)
    deleted = factories.make_goal(counter=counter)
    Goal.objects.filter(pk=deleted.pk).update(deleted_at=NOW)

    assert listed(support_client, Goal) == [deleted.pk, there.pk]
    assert listed(support_client, Goal, gone="no") == [there.pk]
    assert listed(support_client, Goal, gone="yes") == [deleted.pk]


def test_calls_are_filtered_by_whether_another_came_under_their_id(
    support_client: Client, cabinet: Cabinet
) -> None:
    plain, flagged = store_call(cabinet=cabinet), store_call(cabinet=cabinet)
    Call.objects.filter(pk=flagged.pk).update(conflict_at=NOW)

    assert listed(support_client, Call) == [flagged.pk, plain.pk]
    assert listed(support_client, Call, conflict="1") == [flagged.pk]


def test_default_age_is_named_by_its_days(support_client: Client) -> None:
    assert choices(support_client, UploadAttempt, "age") == [
        "21 день",
        "Сутки",
        "Неделя",
        "90 дней",
        "Всё",
    ]
    assert choices(support_client, Upload, "age") == [
        "90 дней",
        "Сутки",
        "Неделя",
        "21 день",
        "Всё",
    ]


@pytest.mark.parametrize("age", ["²", "9" * 5000, "-1", "вчера"])
def test_invalid_age_filters_nothing(support_client: Client, counter: Counter, age: str) -> None:
    old = make_attempt(make_upload(counter=counter), 1, days=400)

    assert listed(support_client, UploadAttempt, age=age) == [old]
