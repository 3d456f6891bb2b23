"""`calls.ways.replay`: rejected records are read again, each counted and stored once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet, CallSource
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, Intake, RejectedRecord, Way
from calls.states import DeliveryState, HoldBack
from calls.ways import replay
from calls.ways.reading import read_items
from calls.ways.replay import Replayed, replay_all, replay_one
from calls.ways.saved_mapping import save_mapping
from counters.models import Counter
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-29T12:00:00+03:00")


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def source(cabinet: Cabinet, counter: Counter) -> CallSource:
    """A source of webhooks with names of its own: two records it rejected can be calls."""
    source, path = factories.make_hooks(cabinet=cabinet)
    for number, start in (("1", "2026-11-29 11:30:00"), ("2", "2026-11-29 11:31:00"), ("3", "x")):
        record = {"nomer": number, "telefon": f"7916000000{number}", "kogda": start}
        assert Client().post(path, record, content_type="application/json").status_code == 200
    return source


def mend(source: CallSource, actor: User) -> None:
    fields = {"universalId": "nomer", "clientNumber": "telefon", "callTime": "kogda"}
    save_mapping(source, fields=fields, preset="", version=0, actor=actor, now=NOW)


def reasons() -> list[tuple[str, bool, str, int]]:
    rows = RejectedRecord.objects.order_by("pk")
    return [(one.code, one.replayed_at is not None, one.way, one.times) for one in rows]


def intake(way: Way) -> list[dict[str, Any]]:
    names = ("received", "created", "updated", "duplicate", "rejected")
    return list(Intake.objects.filter(way=way).order_by("pk").values(*names))


def test_mended_mapping_makes_calls_of_rejected_records_once(
    source: CallSource, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STEP", 1)  # more than one transaction
    assert reasons() == [("missing_field", False, "webhook", 1)] * 3
    mend(source, owner)

    assert replay_all(source, actor=owner, now=NOW) == Replayed(accepted=2, rejected=1)

    assert sorted(Call.objects.values_list("external_id", flat=True)) == ["1", "2"]
    assert reasons() == [
        ("missing_field", True, "webhook", 1),
        ("missing_field", True, "webhook", 1),
        ("bad_time", False, "webhook", 1),
    ]
    accepted = {"received": 1, "created": 1, "updated": 0, "duplicate": 0, "rejected": 0}
    refused = {"received": 1, "created": 0, "updated": 0, "duplicate": 0, "rejected": 1}
    assert intake(Way.REPLAY) == [accepted, accepted, refused]
    assert AuditEvent.objects.filter(action="source.records_replayed", actor=owner).count() == 3


def test_second_press_reads_only_what_still_waits(source: CallSource, owner: User) -> None:
    mend(source, owner)
    first = RejectedRecord.objects.earliest("pk")

    assert replay_one(source, first.pk, actor=owner, now=NOW) == Replayed(accepted=1)
    assert replay_one(source, first.pk, actor=owner, now=NOW) == Replayed()
    assert replay_all(source, actor=owner, now=NOW) == Replayed(accepted=1, rejected=1)
    assert replay_all(source, actor=owner, now=NOW) == Replayed(rejected=1)
    assert Call.objects.count() == 2


def test_step_that_fails_leaves_its_records_as_they_were(
    source: CallSource, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(source, owner)

    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(replay, "_mark", fail)
    with pytest.raises(RuntimeError, match="killed"):
        replay_all(source, actor=owner, now=NOW)

    assert not Call.objects.exists()
    assert intake(Way.REPLAY) == []
    assert reasons() == [("missing_field", False, "webhook", 1)] * 3


def test_page_lists_reasons_and_reads_again(
    source: CallSource, owner: User, owner_client: Client
) -> None:
    mend(source, owner)
    url = reverse("calls:source-rejected", args=[source.pk])

    listed = owner_client.get(url)
    assert "Прочитать ещё раз все: 3" in listed.text
    assert "79160000001" in listed.text
    assert url in owner_client.get(reverse("calls:source", args=[source.pk])).text

    answer = owner_client.post(reverse("calls:source-replay", args=[source.pk]), follow=True)

    assert "Принято: 2, снова отклонено: 1." in answer.text
    assert "79160000003" in answer.text
    assert "79160000001" not in answer.text


def test_viewer_sees_no_phones_and_no_buttons(source: CallSource, viewer_client: Client) -> None:
    RejectedRecord.objects.update(external_id="79160000009")
    page = viewer_client.get(reverse("calls:source-rejected", args=[source.pk]))

    assert "***0001" in page.text
    assert "79160000001" not in page.text
    assert "79160000009" not in page.text
    assert "Прочитать ещё раз" not in page.text


def test_record_of_another_source_is_not_read(
    source: CallSource, owner: User, owner_client: Client, cabinet: Cabinet
) -> None:
    mend(source, owner)
    other, _path = factories.make_hooks(cabinet=cabinet, name="Другой")
    record = {"record": RejectedRecord.objects.earliest("pk").pk}

    answer = owner_client.post(reverse("calls:source-replay", args=[other.pk]), record, follow=True)

    assert "Читать снова нечего" in answer.text
    assert not Call.objects.exists()


def test_record_of_another_call_under_a_known_number_keeps_its_reason(
    source: CallSource, owner: User
) -> None:
    mend(source, owner)
    replay_all(source, actor=owner, now=NOW)
    token = source.secret_addresses.get().token
    other = {"nomer": "1", "telefon": "79169999999", "kogda": "2026-11-28 10:00:00"}
    url = reverse("calls:hook", args=[token])
    assert Client().post(url, other, content_type="application/json").status_code == 200

    assert replay_all(source, actor=owner, now=NOW) == Replayed(rejected=2)

    assert [code for code, *_others in reasons()][2:] == ["bad_time", "identity_conflict"]
    assert Call.objects.count() == 2


def test_record_of_a_file_that_is_only_loaded_stays_unsent(source: CallSource, owner: User) -> None:
    RejectedRecord.objects.all().delete()
    starts = {"4": HoldBack.LOADED, "5": None}
    for number, hold_back in starts.items():
        record = {"nomer": number, "telefon": "79160000004", "kogda": "2026-11-29 11:30:00"}
        rejected = read_items(source, [record], now=NOW)
        store_calls(source=source, records=rejected, now=NOW, way=Way.FILE, hold_back=hold_back)
    mend(source, owner)

    assert replay_all(source, actor=owner, now=NOW) == Replayed(accepted=2)

    assert dict(Call.objects.values_list("external_id", "hold_back")) == starts
    held = Call.objects.get(external_id="4").pk
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING).values_list("call_id", flat=True)
    assert held not in waiting
