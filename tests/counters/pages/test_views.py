"""Adding counters of an account, and the switch in the list."""

from __future__ import annotations

from django.test import Client

from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests.responses import messages_of

OWN, BALCONY, VIEWED = 91234567, 91234568, 91300042


def page(counter: Counter, tail: str = "") -> str:
    return f"/lk/integrations/yandex/counters/{counter.pk}{tail}"


def adding(account: YandexAccount) -> str:
    return f"/lk/integrations/yandex/accounts/{account.pk}/counters/add"


def test_page_shows_which_counters_can_be_added_and_why_others_cannot(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.get(adding(okna))

    text = response.content.decode()
    assert response.status_code == 200
    assert [offer.number for offer in response.context["offers"] if offer.can_be_added] == [
        91234567, 91234568, 91234601, 91234602, 91234703, 91234704, 91400011
    ]  # fmt: skip
    assert "12 апреля 2021" in text
    assert "Звонки отправлять нельзя: попросите владельца дать право на редактирование" in text
    assert "Кэшбэк «Окна &amp; Ко» &lt;партнёр&gt;" in text


def test_single_added_counter_redirects_to_its_settings(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [str(OWN)]})

    counter = Counter.objects.get()
    assert response.status_code == 302
    assert response["Location"] == page(counter)
    assert messages_of(response) == [
        "Добавлен 1 счетчик. Проверьте настройки и нажмите «Сохранить» — до этого ничего не "
        "отправляется, а звонки, которые начнутся с этой минуты, ждут."
    ]
    assert counter.configured_at is None


def test_refused_numbers_are_reported_and_the_others_added(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [OWN, BALCONY, VIEWED, "1x", 9**30]})

    assert response["Location"] == "/lk/integrations/yandex"
    assert set(Counter.objects.values_list("number", flat=True)) == {OWN, BALCONY}
    assert messages_of(response)[1] == (
        f"Счетчик {VIEWED} не добавлен: звонки отправлять нельзя, попросите владельца дать "
        "право на редактирование."
    )


def test_when_nothing_was_added_the_form_is_shown_again(
    owner_client: Client, okna: YandexAccount
) -> None:
    response = owner_client.post(adding(okna), {"numbers": [VIEWED]})

    assert response["Location"] == adding(okna)
    assert not Counter.objects.exists()


def test_over_a_thousand_numbers_are_read_and_few_are_listed(
    owner_client: Client, okna: YandexAccount
) -> None:
    forged = list(range(1, 1002))

    response = owner_client.post(adding(okna), {"numbers": [*forged, OWN]})

    assert Counter.objects.get().number == OWN
    assert messages_of(response)[1] == "Счетчик 1 не добавлен: аккаунт не видит такого счетчика."
    assert messages_of(response)[6:] == ["Не добавлено ещё счетчиков: 996."]


def test_page_says_what_to_do_when_nothing_can_be_added(
    owner_client: Client, okna: YandexAccount
) -> None:
    offers = owner_client.get(adding(okna)).context["offers"]
    open_ones = [offer.number for offer in offers if offer.can_be_added]

    owner_client.post(adding(okna), {"numbers": open_ones})
    page_then = owner_client.get(adding(okna)).content.decode()

    assert "Попросите владельца счетчика дать в Метрике право на редактирование" in page_then
    assert page_then.count(" checked disabled") == len(open_ones)


def test_empty_choice_has_an_error(owner_client: Client, okna: YandexAccount) -> None:
    response = owner_client.post(adding(okna))

    assert response.context["error"] == "Выберите хотя бы один счетчик."
    assert not Counter.objects.exists()


def test_unavailable_metrika_is_reported_and_nothing_added(
    owner_client: Client, okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    response = owner_client.post(adding(okna), {"numbers": [OWN]})

    assert response.status_code == 200
    assert "Метрика сейчас не отвечает" in response.content.decode()
    assert not Counter.objects.exists()


def test_switch_redirects_to_the_page_with_the_button(
    owner_client: Client, counter: Counter
) -> None:
    here = "http://127.0.0.1/lk/integrations/yandex?sort=name"

    response = owner_client.post(
        page(counter, "/switch"), {"enabled": "0"}, headers={"referer": here}
    )

    assert response["Location"] == here
    assert messages_of(response) == [
        f"Отправка в «{counter.name}» выключена. Звонки, которые уже в очереди, подождут и уйдут "
        "после включения. Звонки, которые придут, пока счетчик выключен, отправлены не будут."
    ]
    assert not Counter.objects.get().enabled
    owner_client.post(page(counter, "/switch"), {"enabled": "1"})
    assert Counter.objects.get().enabled


def test_switch_never_redirects_to_another_site(owner_client: Client, counter: Counter) -> None:
    response = owner_client.post(
        page(counter, "/switch"), {"enabled": "0"}, headers={"referer": "https://evil.example/"}
    )

    assert response["Location"] == "/lk/integrations/yandex"


def test_account_of_another_cabinet_cannot_add_counters(
    stranger_client: Client, okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    assert stranger_client.get(adding(okna)).status_code == 404
    assert stranger_client.post(adding(okna), {"numbers": [OWN]}).status_code == 404
    assert not Counter.objects.exists()
    assert sandbox.world.journal.report(10)["last"] == []
