from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent
from calls.states import Channel
from counters import lifecycle
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_upload
from tests.calls.stored import store_call
from tests.counters.settings_form import posted
from tests.responses import messages_of, text_of

OWN = 91234567


def page(counter: Counter, tail: str = "") -> str:
    return f"/lk/integrations/yandex/counters/{counter.pk}{tail}"


@pytest.fixture
def okna_counter(okna: YandexAccount) -> Counter:
    return factories.make_counter(account=okna, number=OWN)


# --- Settings ------------------------------------------------------------------------------


def test_window_shows_settings_and_goals_and_no_token(
    owner_client: Client, okna_counter: Counter
) -> None:
    factories.make_source(cabinet=okna_counter.cabinet, last_used_at=timezone.now())
    store_call(cabinet=okna_counter.cabinet)

    response = owner_client.get(page(okna_counter))

    text = response.content.decode()
    assert response.status_code == 200
    assert "Звонок коллтрекинга (calltracking_call_order)" in text
    assert "Подключено и работает" in text
    assert f'<li aria-current="page">{okna_counter.name}</li>' in text
    assert f"https://metrika.yandex.ru/dashboard?id={OWN}" in text
    assert okna_counter.account.access_token not in text
    assert okna_counter.account.refresh_token not in text
    assert "style=" not in text


def test_window_opens_without_metrika_and_requests_goals_once(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    first = owner_client.get(page(okna_counter))
    second = owner_client.get(page(okna_counter))

    assert "Список целей не обновлён. Метрика сейчас не отвечает" in first.content.decode()
    assert "Список целей не обновлён" not in second.content.decode()
    assert len(sandbox.world.journal.report(10)["last"]) == 1


def test_fresh_goals_are_fetched_again_only_on_request(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now() - timedelta(minutes=9))

    owner_client.get(page(okna_counter))
    assert sandbox.world.journal.report(10)["last"] == []
    response = owner_client.post(page(okna_counter, "/goals"))

    assert response["Location"] == page(okna_counter)
    assert okna_counter.goals.count() == 3


def test_htmx_refresh_of_goals_keeps_the_unsaved_choice(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    owner_client.get(page(okna_counter))
    call = okna_counter.goals.get(identifier="call")
    by_script = {"HX-Request": "true"}

    kept = owner_client.post(page(okna_counter, "/goals"), {"goal": call.pk}, headers=by_script)
    sandbox.world.goals.delete(OWN, call.goal_id)
    gone = owner_client.post(page(okna_counter, "/goals"), {"goal": call.pk}, headers=by_script)

    assert f'<option value="{call.pk}" selected>' in kept.content.decode()
    assert messages_of(kept) == ["Список целей обновлён."]
    assert messages_of(gone)[1] == "Выбранной цели в Метрике больше нет: выберите другую."
    other = {"callback_goal": call.pk}
    of_callbacks = owner_client.post(page(okna_counter, "/goals"), other, headers=by_script)
    assert messages_of(of_callbacks)[-1] == messages_of(gone)[1]
    assert Counter.objects.get().goal is None


def test_window_opens_without_the_cache(
    owner_client: Client, okna_counter: Counter, settings: Settings
) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:9/0"}
    }

    response = owner_client.get(page(okna_counter))

    assert response.status_code == 200
    assert okna_counter.goals.count() == 3


def test_save_stores_the_settings_and_reports_it(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    data = posted(counter, min_duration="60", site_mode="list", sites="site.ru")

    response = owner_client.post(page(counter), data)

    assert response["Location"] == page(counter)
    assert messages_of(response) == [
        "Настройки сохранены. Изменено: Длительность от, секунд — «60» (было «0»); Сайты — "
        "«Выбранные сайты» (было «Все сайты»); Выбранные сайты — «site.ru» (было «Не указано»)."
    ]
    saved = Counter.objects.get()
    assert (saved.min_duration_seconds, saved.site_hosts) == (60, ["site.ru"])
    assert saved.settings_saved_by == owner


def test_save_reports_waiting_calls_that_no_longer_match(
    owner_client: Client, counter: Counter
) -> None:
    store_call(cabinet=counter.cabinet, duration_seconds=50)
    store_call(cabinet=counter.cabinet, duration_seconds=70)

    preview = reverse("counters:settings-preview", args=[counter.pk])
    told = text_of(owner_client.post(preview, posted(counter, min_duration="60")))
    narrowed = owner_client.post(page(counter), posted(counter, min_duration="60"))
    counter.refresh_from_db()
    widened = owner_client.post(page(counter), posted(counter, min_duration="40"))

    assert "Из ждущих отправки звонков (2) — уйдут: 1; не подходят и не уйдут: 1." in told
    assert messages_of(narrowed) == [
        "Настройки сохранены. Изменено: Длительность от, секунд — «60» (было «0»). Из ждущих "
        "отправки звонков (2) — уйдут: 1; не подходят и не уйдут: 1.",
        "Из ждавших не подходят под настройки и не отправляются: 1. Если под другие настройки они "
        "подойдут, то уйдут.",
    ]
    counter.refresh_from_db()
    proof = owner_client.post(
        page(counter),
        posted(counter, min_duration="40", link_proof="" if counter.link_proof else "on"),
    )
    again = owner_client.post(page(counter), posted(Counter.objects.get(), min_duration="40"))
    assert messages_of(proof)[-1].endswith("Звонков, которые ждут отправки (2), это не касается.")
    # A save that changes nothing says nothing of them.
    assert messages_of(again)[-1] == "Настройки сохранены."
    assert messages_of(widened)[-1] == (
        "Настройки сохранены. Изменено: Длительность от, секунд — «40» (было «60»). Из ждущих "
        "отправки звонков (2) — уйдут: 1; снова подходят и уйдут: 1."
    )


def test_invalid_form_keeps_typed_values_and_saves_nothing(
    owner_client: Client, counter: Counter
) -> None:
    data = posted(counter, min_duration="60", site_mode="list", sites="два слова")

    response = owner_client.post(page(counter), data)

    text = response.content.decode()
    assert response.status_code == 200
    assert "«два слова» не похоже на адрес сайта" in text
    assert 'value="60"' in text
    assert Counter.objects.get().min_duration_seconds == 0
    assert not AuditEvent.objects.exists()


def test_conflict_shows_the_first_editor_and_can_be_overwritten(
    owner_client: Client, counter: Counter, manager: User
) -> None:
    rival = Client()
    rival.force_login(manager)
    mine = posted(counter, call_status="fail")
    rival.post(page(counter), posted(counter, call_status="success"))

    response = owner_client.post(page(counter), mine)

    text = response.content.decode()
    assert Counter.objects.get().call_status == "success"
    assert "manager@example.ru" in text
    assert "Статус звонка: сохранено «Только успешные», у вас «Только неуспешные»" in text
    assert response.context["form"]["call_status"].value() == "fail"

    mine["version"] = response.context["form"]["version"].value()
    owner_client.post(page(counter), mine)

    assert Counter.objects.get().call_status == "fail"


def test_switch_in_the_list_conflicts_with_an_open_window(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    mine = posted(counter)
    lifecycle.switch_counter(counter=counter, enabled=False, actor=owner, now=timezone.now())

    response = owner_client.post(page(counter), mine)

    assert response.context["conflict"]["who"] == "owner@example.ru"
    assert not Counter.objects.get().enabled


def test_window_shows_warnings(owner_client: Client, counter: Counter) -> None:
    Counter.objects.update(site_mode="own", site_host="", goals_refreshed_at=timezone.now())

    response = owner_client.get(page(counter))

    assert "В Метрике у счетчика не указан сайт" in response.content.decode()


# --- The switch and the removal ------------------------------------------------------------


def test_removal_page_shows_waiting_calls(owner_client: Client, counter: Counter) -> None:
    store_call(cabinet=counter.cabinet)

    response = owner_client.get(page(counter, "/delete"))

    text = response.content.decode()
    assert "1 отправка ещё ждёт: она не уйдёт в Метрику." in text
    assert Counter.objects.get().removed_at is None


def test_removal_page_does_not_promise_to_stop_what_may_have_arrived(
    owner_client: Client, counter: Counter
) -> None:
    make_upload(counter=counter, state="unclear", uploading_id=None, rows=7)

    text = owner_client.get(page(counter, "/delete")).content.decode()

    assert "Отправок, которые уходят сейчас или могли дойти: 7. Их уже не остановить." in text
    assert "не уйдёт в Метрику" not in text


def test_removed_counter_is_404_and_kept_in_the_database(
    owner_client: Client, counter: Counter
) -> None:
    response = owner_client.post(page(counter, "/delete"))

    assert response["Location"] == "/lk/integrations/yandex"
    assert Counter.objects.get().removed_at is not None
    assert owner_client.get(page(counter)).status_code == 404
    assert owner_client.post(page(counter), posted(counter)).status_code == 404
    assert owner_client.post(page(counter, "/delete")).status_code == 404
    assert owner_client.get("/lk/integrations/yandex").context["rows"] == []


# --- Who may -------------------------------------------------------------------------------

CHANGES = [("", {}), ("/switch", {"enabled": "0"}), ("/goals", {}), ("/delete", {})]


@pytest.mark.parametrize(("tail", "data"), CHANGES)
def test_viewer_cannot_change_anything(
    viewer_client: Client, counter: Counter, tail: str, data: dict[str, str]
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now())

    response = viewer_client.post(page(counter, tail), data or posted(counter, call_status="fail"))

    assert response.status_code == 403
    untouched = Counter.objects.get()
    assert (untouched.version, untouched.removed_at) == (1, None)
    assert not AuditEvent.objects.exists()


def test_viewer_sees_list_and_window_without_buttons(
    viewer_client: Client, counter: Counter
) -> None:
    Counter.objects.update(value_rules=[{"kind": "callback", "price": "700.00"}])
    window = viewer_client.get(page(counter))

    assert viewer_client.get("/lk/integrations/yandex").status_code == 200
    assert window.status_code == 200
    assert "Вы можете смотреть настройки" in window.content.decode()
    assert "refresh-goals" not in window.content.decode()
    assert "Правила ценности" in window.content.decode()
    assert "Добавить правило" not in window.content.decode()
    assert "Убрать правило" not in window.content.decode()
    adding = f"/lk/integrations/yandex/accounts/{counter.account_id}/counters/add"
    assert viewer_client.get(adding).status_code == 403
    assert viewer_client.get(page(counter, "/delete")).status_code == 403


@pytest.mark.parametrize(("tail", "data"), CHANGES)
def test_counter_of_another_cabinet_is_404(
    stranger_client: Client, counter: Counter, tail: str, data: dict[str, str]
) -> None:
    response = stranger_client.post(page(counter, tail), data or posted(counter))

    assert response.status_code == 404
    assert stranger_client.get(page(counter)).status_code == 404
    assert Counter.objects.get().version == 1


@pytest.mark.parametrize("tail", ["", "/delete", "/switch", "/goals"])
def test_every_page_redirects_to_sign_in(client: Client, counter: Counter, tail: str) -> None:
    response = client.post(page(counter, tail))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("tail", ["/switch", "/goals"])
def test_changes_by_get_are_refused(owner_client: Client, counter: Counter, tail: str) -> None:
    assert owner_client.get(page(counter, tail)).status_code == 405


def test_changes_need_a_csrf_token(owner: User, counter: Counter) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)

    assert strict.post(page(counter, "/switch"), {"enabled": "0"}).status_code == 403
    assert Counter.objects.get().enabled


def test_removal_page_counts_with_the_right_form(owner_client: Client, counter: Counter) -> None:
    for _ in range(2):
        store_call(cabinet=counter.cabinet)

    text = owner_client.get(page(counter, "/delete")).content.decode()

    assert "2 отправки ещё ждут: они не уйдут в Метрику." in text


def test_rows_of_the_goal_are_not_called_calls(owner_client: Client, counter: Counter) -> None:
    Counter.objects.update(send_calls=False, goal=factories.make_goal(counter=counter))
    make_upload(counter=counter, channel=Channel.GOAL, rows=215, sent_at=timezone.now())

    window = owner_client.get(page(counter)).content.decode()
    listed = owner_client.get(reverse("counters:list")).content.decode()

    assert "достижений цели за всё время" in window
    assert "(сегодня отправлено достижений цели: 215)" in window
    assert "звонков за всё время" not in window + listed
    assert re.search(r">215</a>.*достижений цели\s*</div>", listed, re.DOTALL)
