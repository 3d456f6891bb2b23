"""The first steps of a new cabinet, and the cards of the ways in which calls may come."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.models import Intake, Way
from calls.states import HoldBack, UploadState
from dashboard.first_steps import first_steps
from dashboard.ways_in import ways_in
from tests import factories
from tests.calls.ledger import make_upload
from tests.calls.stored import store_call


def done(cabinet: Cabinet) -> list[tuple[bool, bool]]:
    return [(one.is_done, one.is_next) for one in first_steps(cabinet)]


def test_steps_follow_the_rows_and_end_with_the_first_sent_call(
    cabinet: Cabinet, owner_client: Client, viewer_client: Client
) -> None:
    url = reverse("integrations:dashboard")
    assert done(cabinet) == [(False, True), (False, False), (False, False)]
    page = owner_client.get(url).content.decode()
    assert page.count("Открыть доступ к Метрике") == 1
    assert "Открыть доступ к Метрике" not in viewer_client.get(url).content.decode()
    store_call(cabinet=factories.make_cabinet(name="Чужой"))

    account = factories.make_account(cabinet=cabinet)
    assert done(cabinet) == [(True, False), (False, True), (False, False)]
    counter = factories.make_counter(account=account, configured_at=None)
    assert done(cabinet)[1] == (False, True)
    counter.configured_at = timezone.now()
    counter.save()
    assert done(cabinet) == [(True, False), (True, False), (False, True)]
    store_call(cabinet=cabinet, hold_back=HoldBack.TRIAL)
    assert done(cabinet)[2] == (False, True)
    store_call(cabinet=cabinet)
    assert done(cabinet) == [(True, False), (True, False), (True, True)]
    make_upload(counter=counter, state=UploadState.READY, uploading_id=None)
    part = owner_client.get(url, {"part": "steps"}).content.decode()
    assert "уйдёт в Метрику сам" in part
    assert "<h1>" not in part

    make_upload(counter=counter, state=UploadState.SENT)

    assert first_steps(cabinet) == []
    assert "Первые шаги" not in owner_client.get(url).content.decode()
    assert "first-steps" not in owner_client.get(url, {"part": "steps"}).content.decode()


def intake(source: CallSource, way: Way, received: int, **counts: int) -> None:
    names = ("created", "updated", "duplicate", "rejected")
    values: dict[str, Any] = {name: counts.get(name, 0) for name in names}
    Intake.objects.create(source=source, way=way, at=timezone.now(), received=received, **values)


@pytest.mark.django_db
def test_card_shows_the_last_request_of_its_way(
    cabinet: Cabinet, source: CallSource, owner_client: Client, viewer_client: Client
) -> None:
    hook = factories.make_source(cabinet=cabinet, kind=CallSource.Kind.WEBHOOK)
    foreign = factories.make_source(cabinet=factories.make_cabinet(name="Чужой"))
    intake(source, Way.API, 2, created=2)
    intake(source, Way.API, 9, created=3, updated=1, duplicate=3, rejected=2)
    intake(source, Way.TEST, 3, created=3)
    intake(foreign, Way.API, 5, created=5)

    told = {one.kind: one.last.text if one.last else "" for one in ways_in(cabinet)}

    assert told == {
        "pull": "",
        "webhook": "",
        "file": "",
        "api": "записей 9: новых 3, изменено 1, уже были 3, отклонено 2",
    }
    intake(hook, Way.WEBHOOK, 1, created=1)
    part = owner_client.get(reverse("cabinets:sources"), {"part": "ways"}).content.decode()
    assert "записей 1: новых 1" in part
    assert "<h1>" not in part
    assert part.count('class="way__button"') == 4
    page = viewer_client.get(reverse("cabinets:sources")).content.decode()
    assert "way__button" not in page


def test_source_of_webhooks_is_added_with_its_address_and_a_file_without_any_secret(
    owner_client: Client, cabinet: Cabinet
) -> None:
    url = reverse("cabinets:source-add")
    for kind in ("webhook", "file"):
        page = owner_client.get(url, {"kind": kind}).content.decode()
        assert f'name="kind" value="{kind}"' in page
        form = {"name": kind, "kind": kind, "time_zone": "Europe/Moscow", "region": "RU"}
        answer = owner_client.post(url, form)
        added = cabinet.call_sources.get(name=kind)
        assert answer["Location"] == reverse("calls:source", args=[added.pk])

    kinds = cabinet.call_sources.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["webhook", "file"]
    counts = [
        (one.secret_addresses.count(), one.signing_secrets.count())
        for one in cabinet.call_sources.order_by("pk")
    ]
    assert counts == [(1, 0), (0, 0)]
