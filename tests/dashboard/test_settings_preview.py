"""The preview in the settings window: numbers in words, nothing is stored."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.queries import settings_preview
from counters.models import Counter
from tests import factories
from tests.calls.stored import store_call
from tests.counters.settings_form import posted
from tests.responses import text_of

HTMX = {"HX-Request": "true"}


def url(counter: Counter) -> str:
    return reverse("counters:settings-preview", args=[counter.pk])


def test_preview_of_the_edited_form_names_calls_and_reasons_and_stores_nothing(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now())
    for seconds in (5, 6, 40):
        store_call(cabinet=cabinet, duration_seconds=seconds)
    store_call(cabinet=cabinet, site="other.example", site_host="other.example")
    form = posted(counter, min_duration="30", site_mode="own")

    part = text_of(owner_client.post(url(counter), form, headers=HTMX))
    page = text_of(owner_client.post(url(counter), form))
    wrong = text_of(owner_client.post(url(counter), form | {"min_duration": "x"}, headers=HTMX))

    sentence = "С этими настройками за последние 7 дней ушло бы 1 из 3 звонков."
    assert sentence in part
    assert "По сравнению с сохранёнными перестанут уходить: 3." in part
    assert "Короткий разговор" in part
    assert "Разговор длился 6 с, а в настройке «Длительность» — от 30 с." in part
    assert "Звонок с сайта other.example, а в настройке «Сайты»" in part
    assert "Ещё 1 звонок кабинета к этому счетчику не относится (Другой сайт: 1)." in part
    assert sentence in page
    assert 'value="30"' in page
    assert "Исправьте, и посчитаем снова: «Длительность от, секунд»." in wrong
    assert Counter.objects.get().min_duration_seconds == 0
    assert not AuditEvent.objects.exists()


def test_preview_before_the_first_save_is_that_of_saved_settings(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.update(configured_at=None, accepts_from=None)
    store_call(cabinet=cabinet)
    counter.refresh_from_db()

    part = text_of(owner_client.post(url(counter), posted(counter), headers=HTMX))

    assert "С этими настройками за последние 7 дней ушло бы 1 из 1 звонка." in part
    assert "сохранённым" not in part


def test_viewer_gets_no_preview(client: Client, cabinet: Cabinet, counter: Counter) -> None:
    client.force_login(factories.make_member(cabinet=cabinet, role="viewer"))

    assert client.post(url(counter), posted(counter), headers=HTMX).status_code == 403
    page = text_of(client.get(reverse("counters:settings", args=[counter.pk])))
    assert "settings-preview" not in page


def test_preview_that_takes_too_long_is_given_up(
    owner_client: Client, cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_preview, "LONGEST", "1ms")
    slow = "(SELECT *, pg_sleep(1) FROM calls_call WHERE cabinet_id = %(cabinet)s)"
    monkeypatch.setattr(settings_preview, "_LAST_CALLS", slow)
    store_call(cabinet=cabinet)

    part = text_of(owner_client.post(url(counter), posted(counter), headers=HTMX))

    assert "Звонков за 7 дней слишком много, чтобы посчитать их на ходу." in part
