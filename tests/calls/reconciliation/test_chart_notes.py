"""Notes on Metrika's charts: what is queued, and that each is written once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.models import ChartNote, NoteState
from calls.reconciliation import chart_notes
from counters import stops
from counters.models import Counter
from counters.settings.save import save_settings
from counters.states import StopCause
from devtools.sandbox import RunningSandbox
from integrations.api_call import call_metrika
from integrations.models import YandexAccount
from integrations.yandex.chart_notes import Annotation
from integrations.yandex.metrika import MetrikaClient
from tests import factories
from tests.calls.sandbox_world import fault
from tests.devtools.sandbox.actor import Actor

SCOPES = ["metrika:read", "metrika:write", "metrika:offline_data"]


@pytest.fixture
def noted(linked_counter: Counter, working_day: time_machine.Traveller, owner: User) -> Counter:
    """A counter whose notes are on, and whose settings were changed before and after that."""
    YandexAccount.objects.update(scopes=SCOPES)
    for values in ({"min_duration_seconds": 5}, {"chart_notes": True}, {"tag_mode": "none"}):
        version = Counter.objects.get().version
        now = timezone.now()
        save_settings(counter=linked_counter, version=version, values=values, actor=owner, now=now)
        working_day.shift(timedelta(minutes=1))
    return Counter.objects.with_account().get()


def notes_in_metrika(counter: Counter) -> list[Annotation]:
    found: list[Annotation] = []
    call_metrika(
        counter.account, lambda client: found.extend(client.chart_annotations(counter.number))
    )
    return found


def test_changes_and_standstills_are_written_once(
    noted: Counter, sandbox: RunningSandbox, working_day: time_machine.Traveller
) -> None:
    stops.stop(noted.pk, StopCause.GOALS_FULL, now=timezone.now())
    working_day.shift(timedelta(hours=2))
    stops.resume(Counter.objects.get(), actor=None, now=timezone.now())

    assert (chart_notes.write_due(seconds=5), chart_notes.write_due(seconds=5)) == (3, 0)

    found = notes_in_metrika(noted)
    assert [one.title for one in found] == [
        "CallKeeper: изменены настройки счетчика",
        "CallKeeper: изменены настройки счетчика",
        "CallKeeper: отправка звонков стояла",
    ]
    assert found[1].message.startswith("Изменено: Тегирование. [")
    assert found[2].message.startswith("Звонки не отправлялись с ")
    assert set(ChartNote.objects.values_list("state", flat=True)) == {NoteState.WRITTEN}


def test_note_with_a_lost_answer_is_looked_for_before_it_is_written_again(
    noted: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = MetrikaClient.create_chart_annotation

    def die_after_it(self: MetrikaClient, *args: object, **options: object) -> Annotation:
        write(self, *args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(MetrikaClient, "create_chart_annotation", die_after_it)
    with pytest.raises(KeyboardInterrupt):
        chart_notes.write_due(seconds=5)
    monkeypatch.setattr(MetrikaClient, "create_chart_annotation", write)
    working_day.shift(chart_notes.LEASE)

    assert chart_notes.write_due(seconds=5) == 2

    assert len(notes_in_metrika(noted)) == 2
    assert ChartNote.objects.filter(state=NoteState.WRITTEN).count() == 2


def test_refusals_put_a_note_off_and_a_missing_right_is_told(
    noted: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    owner_client: Client,
) -> None:
    fault(sandbox, "html_5xx", times=None)

    assert chart_notes.write_due(seconds=5) == 2
    YandexAccount.objects.update(scopes=["metrika:read", "metrika:offline_data"])
    ChartNote.objects.update(next_at=timezone.now())
    assert chart_notes.write_due(seconds=5) == 2

    states = set(ChartNote.objects.values_list("state", "error", "attempts"))
    assert states == {(NoteState.WAITING, chart_notes.NO_SCOPE, 2)}
    page = owner_client.get(reverse("counters:settings", args=[noted.pk])).content.decode()
    assert "с ним примечания не записать" in page


def test_nothing_is_noted_unless_it_is_switched_on(counter: Counter, owner: User) -> None:
    values = {"min_duration_seconds": 7}
    save_settings(
        counter=counter, version=counter.version, values=values, actor=owner, now=timezone.now()
    )
    assert chart_notes.queue(timezone.now()) == 0
    assert factories.make_counter(account=counter.account).chart_notes is False
