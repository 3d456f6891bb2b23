from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent
from counters import selection
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import store_call
from tests.counters.settings_form import posted

OWN, BALCONY, VIEWED = 91234567, 91234568, 91300042


def page(counter: Counter, tail: str = "") -> str:
    return f"/lk/integrations/yandex/counters/{counter.pk}{tail}"


def adding(account: YandexAccount) -> str:
    return f"/lk/integrations/yandex/accounts/{account.pk}/counters/add"


def said(response: Any) -> list[str]:
    """What the test client's response told the person."""
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def okna_counter(okna: YandexAccount) -> Counter:
    return factories.make_counter(account=okna, number=OWN)


# --- Choosing ------------------------------------------------------------------------------


def test_the_choice_shows_what_may_be_added_and_why_the_rest_may_not(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.get(adding(okna))

    text = response.content.decode()
    assert response.status_code == 200
    assert [offer.number for offer in response.context["offers"] if offer.can_be_added] == [
        91234567, 91234568, 91234601, 91234602, 91234703, 91234704, 91400011
    ]  # fmt: skip
    assert "12 апреля 2021" in text
    assert "Только просмотр: попросите владельца дать право на редактирование" in text
    assert "Кэшбэк «Окна &amp; Ко» &lt;партнёр&gt;" in text


def test_one_chosen_counter_opens_its_settings_with_the_advice_to_save(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [str(OWN)]})

    counter = Counter.objects.get()
    assert response.status_code == 302
    assert response["Location"] == page(counter)
    assert said(response) == [
        "Добавлен 1 счетчик. Проверьте настройки и нажмите «Сохранить» — до этого ничего не "
        "отправляется."
    ]
    assert counter.configured_at is None


def test_what_was_refused_is_told_and_the_others_are_added(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [OWN, BALCONY, VIEWED, "1x", 9**30]})

    assert response["Location"] == "/lk/integrations/yandex"
    assert set(Counter.objects.values_list("number", flat=True)) == {OWN, BALCONY}
    assert said(response)[1] == (
        f"Счетчик {VIEWED} не добавлен: есть только право просмотра, попросите владельца дать "
        "право на редактирование."
    )


def test_when_nothing_could_be_added_the_choice_is_shown_again(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [VIEWED]})

    assert response["Location"] == adding(okna)
    assert not Counter.objects.exists()


def test_a_choice_of_more_than_a_thousand_is_read_whole_and_told_in_short(
    owner_client: Client, okna: YandexAccount
) -> None:
    forged = list(range(1, 1002))

    response = owner_client.post(adding(okna), {"numbers": [*forged, OWN]})

    assert Counter.objects.get().number == OWN
    assert said(response)[1] == "Счетчик 1 не добавлен: аккаунт не видит такого счетчика."
    assert said(response)[6:] == ["Не добавлено ещё счетчиков: 996."]


def test_when_nothing_can_be_chosen_the_next_step_is_told(
    owner_client: Client, okna: YandexAccount
) -> None:
    offers = owner_client.get(adding(okna)).context["offers"]
    open_ones = [offer.number for offer in offers if offer.can_be_added]

    owner_client.post(adding(okna), {"numbers": open_ones})
    page_then = owner_client.get(adding(okna)).content.decode()

    assert "Попросите владельца счетчика дать в Метрике право на редактирование" in page_then
    assert page_then.count(" checked disabled") == len(open_ones)


def test_an_empty_choice_is_told(owner_client: Client, okna: YandexAccount) -> None:
    response = owner_client.post(adding(okna))

    assert response.context["error"] == "Выберите хотя бы один счетчик."
    assert not Counter.objects.exists()


def test_a_silent_metrika_is_told_and_adds_nothing(
    owner_client: Client, okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    response = owner_client.post(adding(okna), {"numbers": [OWN]})

    assert response.status_code == 200
    assert "Метрика сейчас не отвечает" in response.content.decode()
    assert not Counter.objects.exists()


# --- Settings ------------------------------------------------------------------------------


def test_the_window_shows_the_settings_the_goals_and_never_a_token(
    owner_client: Client, okna_counter: Counter
) -> None:
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


def test_the_window_opens_when_metrika_is_silent_and_asks_once(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    first = owner_client.get(page(okna_counter))
    second = owner_client.get(page(okna_counter))

    assert "Список целей не обновлён. Метрика сейчас не отвечает" in first.content.decode()
    assert "Список целей не обновлён" not in second.content.decode()
    assert len(sandbox.world.journal.report(10)["last"]) == 1


def test_fresh_goals_are_not_fetched_again_until_they_are_asked_for(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now() - timedelta(minutes=9))

    owner_client.get(page(okna_counter))
    assert sandbox.world.journal.report(10)["last"] == []
    response = owner_client.post(page(okna_counter, "/goals"))

    assert response["Location"] == page(okna_counter)
    assert okna_counter.goals.count() == 3


def test_goals_asked_for_by_a_script_come_with_the_choice_that_is_not_saved(
    owner_client: Client, okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    owner_client.get(page(okna_counter))
    call = okna_counter.goals.get(identifier="call")
    by_script = {"HX-Request": "true"}

    kept = owner_client.post(page(okna_counter, "/goals"), {"goal": call.pk}, headers=by_script)
    sandbox.world.goals.delete(OWN, call.goal_id)
    gone = owner_client.post(page(okna_counter, "/goals"), {"goal": call.pk}, headers=by_script)

    assert f'<option value="{call.pk}" selected>' in kept.content.decode()
    assert said(kept) == ["Список целей обновлён."]
    assert said(gone)[1] == "Выбранной цели в Метрике больше нет: выберите другую."
    assert Counter.objects.get().goal is None


def test_the_window_opens_without_the_cache(
    owner_client: Client, okna_counter: Counter, settings: Settings
) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:9/0"}
    }

    response = owner_client.get(page(okna_counter))

    assert response.status_code == 200
    assert okna_counter.goals.count() == 3


def test_a_save_stores_the_settings_and_says_so(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    data = posted(counter, min_duration="60", site_mode="list", sites="site.ru")

    response = owner_client.post(page(counter), data)

    assert response["Location"] == page(counter)
    assert said(response) == ["Настройки сохранены."]
    saved = Counter.objects.get()
    assert (saved.min_duration_seconds, saved.site_hosts) == (60, ["site.ru"])
    assert saved.settings_saved_by == owner


def test_a_save_tells_what_waited_and_does_not_fit_any_more(
    owner_client: Client, counter: Counter
) -> None:
    store_call(cabinet=counter.cabinet, duration_seconds=50)
    store_call(cabinet=counter.cabinet, duration_seconds=70)

    narrowed = owner_client.post(page(counter), posted(counter, min_duration="60"))
    counter.refresh_from_db()
    widened = owner_client.post(page(counter), posted(counter, min_duration="40"))

    assert said(narrowed) == [
        "Настройки сохранены.",
        "Не подходят под новые настройки и не будут отправлены: 1. Если вернуть настройки, "
        "вернутся и они.",
    ]
    assert said(widened)[-1] == "Настройки сохранены."


def test_a_mistake_keeps_what_was_typed_and_saves_nothing(
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


def test_the_second_of_two_editors_is_told_who_was_first_and_may_replace(
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


def test_a_switch_from_the_list_is_noticed_by_an_open_window(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    mine = posted(counter)
    selection.switch(counter=counter, enabled=False, actor=owner, now=timezone.now())

    response = owner_client.post(page(counter), mine)

    assert response.context["conflict"]["who"] == "owner@example.ru"
    assert not Counter.objects.get().enabled


def test_likely_mistakes_are_shown_in_the_window(owner_client: Client, counter: Counter) -> None:
    Counter.objects.update(site_mode="own", site_host="", goals_refreshed_at=timezone.now())

    response = owner_client.get(page(counter))

    assert "В Метрике у счетчика не указан сайт" in response.content.decode()


# --- The switch and the removal ------------------------------------------------------------


def test_the_switch_returns_to_the_page_it_was_on(owner_client: Client, counter: Counter) -> None:
    here = "http://testserver/lk/integrations/yandex?sort=name"

    response = owner_client.post(
        page(counter, "/switch"), {"enabled": "0"}, headers={"referer": here}
    )

    assert response["Location"] == here
    assert said(response) == [
        f"Отправка в «{counter.name}» выключена. Звонки, которые уже в очереди, подождут и уйдут "
        "после включения. Звонки, которые придут, пока счетчик выключен, отправлены не будут."
    ]
    assert not Counter.objects.get().enabled
    owner_client.post(page(counter, "/switch"), {"enabled": "1"})
    assert Counter.objects.get().enabled


def test_the_switch_never_leads_away(owner_client: Client, counter: Counter) -> None:
    response = owner_client.post(
        page(counter, "/switch"), {"enabled": "0"}, headers={"referer": "https://evil.example/"}
    )

    assert response["Location"] == "/lk/integrations/yandex"


def test_removal_tells_first_what_waits(owner_client: Client, counter: Counter) -> None:
    store_call(cabinet=counter.cabinet)

    response = owner_client.get(page(counter, "/delete"))

    text = response.content.decode()
    assert "1 отправка ещё ждёт: она не уйдёт в Метрику." in text
    assert Counter.objects.get().removed_at is None


def test_a_removed_counter_is_gone_from_the_pages_and_kept_in_the_database(
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
def test_a_viewer_may_look_but_not_change(
    viewer_client: Client, counter: Counter, tail: str, data: dict[str, str]
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now())

    response = viewer_client.post(page(counter, tail), data or posted(counter, call_status="fail"))

    assert response.status_code == 403
    untouched = Counter.objects.get()
    assert (untouched.version, untouched.removed_at) == (1, None)
    assert not AuditEvent.objects.exists()


def test_a_viewer_sees_the_list_and_the_window_and_no_way_to_add(
    viewer_client: Client, counter: Counter
) -> None:
    window = viewer_client.get(page(counter))

    assert viewer_client.get("/lk/integrations/yandex").status_code == 200
    assert window.status_code == 200
    assert "Вы можете смотреть настройки" in window.content.decode()
    assert "refresh-goals" not in window.content.decode()
    assert viewer_client.get(adding(counter.account)).status_code == 403
    assert viewer_client.get(page(counter, "/delete")).status_code == 403


@pytest.mark.parametrize(("tail", "data"), CHANGES)
def test_for_a_stranger_there_is_no_such_counter(
    stranger_client: Client, counter: Counter, tail: str, data: dict[str, str]
) -> None:
    response = stranger_client.post(page(counter, tail), data or posted(counter))

    assert response.status_code == 404
    assert stranger_client.get(page(counter)).status_code == 404
    assert Counter.objects.get().version == 1


def test_a_stranger_cannot_add_through_a_foreign_account(
    stranger_client: Client, okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    assert stranger_client.get(adding(okna)).status_code == 404
    assert stranger_client.post(adding(okna), {"numbers": [OWN]}).status_code == 404
    assert not Counter.objects.exists()
    assert sandbox.world.journal.report(10)["last"] == []


@pytest.mark.parametrize("tail", ["", "/delete", "/switch", "/goals"])
def test_without_sign_in_every_page_leads_to_it(
    client: Client, counter: Counter, tail: str
) -> None:
    response = client.post(page(counter, tail))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("tail", ["/switch", "/goals"])
def test_changes_are_not_made_by_links(owner_client: Client, counter: Counter, tail: str) -> None:
    assert owner_client.get(page(counter, tail)).status_code == 405


def test_changes_need_a_page_of_ours(owner: User, counter: Counter) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)

    assert strict.post(page(counter, "/switch"), {"enabled": "0"}).status_code == 403
    assert Counter.objects.get().enabled
