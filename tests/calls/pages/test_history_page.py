"""The page of a counter's history: rows, totals, filters, further pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from calls.models import Call, Upload
from calls.pages import history_page
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.pages.conftest import PHONE

#: Session, user and membership, loaded before any view, and the halt of the layout.
REQUEST_QUERIES = 4
CHANGED = "Изменён после отправки"


@pytest.mark.parametrize(
    ("channel", "shown", "absent"),
    [("", "Отправок: 4", "Звонков:"), (str(Channel.CALLS.value), "Звонков: 2", "Отправок:")],
)
def test_totals_name_what_they_count(
    owner_client: Client, counter: Counter, channel: str, shown: str, absent: str
) -> None:
    for _ in range(2):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter)
        make_delivery(call=call, counter=counter, channel=Channel.GOAL)

    url = reverse("calls:history", args=[counter.pk])
    page = owner_client.get(url, {"channel": channel, "q": ""}).content.decode()

    assert shown in page
    assert absent not in page


@pytest.mark.parametrize(("revision", "is_marked"), [(1, False), (2, True)])
def test_call_changed_after_it_was_sent_is_marked(
    owner_client: Client, counter: Counter, revision: int, is_marked: bool
) -> None:
    call = make_call(cabinet=counter.cabinet, revision=revision)
    upload = make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload, call_revision=1)

    page = owner_client.get(reverse("calls:history", args=[counter.pk])).content.decode()

    assert (CHANGED in page) is is_marked


def test_changed_call_that_was_never_batched_is_not_marked(
    owner_client: Client, counter: Counter
) -> None:
    call = make_call(cabinet=counter.cabinet, revision=3)
    make_delivery(call=call, counter=counter, call_revision=None)

    page = owner_client.get(reverse("calls:history", args=[counter.pk])).content.decode()

    assert CHANGED not in page


def test_history_shows_state_reason_upload_and_time(owner_client: Client, counter: Counter) -> None:
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        attention=Attention.ROW_REFUSED,
        rows=100,
        line_quantity=98,
    )
    sent, short = (make_call(cabinet=counter.cabinet) for _ in range(2))
    make_delivery(call=sent, counter=counter, upload=upload)
    make_delivery(call=short, counter=counter, state=DeliveryState.SKIPPED, reason="too_short")

    context = owner_client.get(reverse("calls:history", args=[counter.pk])).context

    by_call = {row["url"].rsplit("/", 1)[1]: row for row in context["rows"]}
    (refused,), (skipped,) = by_call[str(sent.pk)]["cells"], by_call[str(short.pk)]["cells"]
    assert refused["state_text"] == "Приняты не все строки"
    assert refused["reason_text"].startswith("Принято 98 из 100 строк")
    assert refused["upload_url"] == reverse("calls:upload", args=[upload.pk])
    assert refused["sent_at"] == upload.sent_at
    assert skipped["reason_text"].startswith("Разговор короче")
    assert (skipped["upload_url"], skipped["sent_at"]) == ("", None)
    assert context["channels"] == ["Звонки"]
    assert [(one.state, one.count) for one in context["totals"]] == [
        ("partly_accepted", 1),
        ("skipped", 1),
    ]


def test_call_of_two_channels_is_one_row_with_the_state_of_each(
    owner_client: Client, counter: Counter
) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
    skipped = {"state": DeliveryState.SKIPPED, "reason": "too_short"}
    make_delivery(call=call, counter=counter, channel=Channel.GOAL, **skipped)
    url = reverse("calls:history", args=[counter.pk])

    def cells(**query: str) -> list[list[tuple[str, str]]]:
        rows = owner_client.get(url, {"q": ""} | query).context["rows"]
        return [[(one["channel_text"], one["state_text"]) for one in row["cells"]] for row in rows]

    both = [("Звонки", "Отправлен"), ("Цель", "Не отправляется")]
    assert cells() == cells(state="skipped") == cells(reason="too_short") == [both]
    assert cells(channel="2") == cells(channel="2", state="skipped") == [both[1:]]
    assert cells(channel="1", state="skipped") == []


def test_time_of_an_attempt_is_not_shown_as_time_of_sending(
    owner_client: Client, counter: Counter
) -> None:
    upload = make_upload(counter=counter, state=UploadState.UNCLEAR, uploading_id=None)
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)

    context = owner_client.get(reverse("calls:history", args=[counter.pk])).context

    assert context["rows"][0]["cells"][0]["sent_at"] is None


def test_filters_of_the_history_are_combined(owner_client: Client, counter: Counter) -> None:
    wanted = make_call(cabinet=counter.cabinet, phone=PHONE)
    for call in (wanted, make_call(cabinet=counter.cabinet, phone="+79160000000")):
        make_delivery(call=call, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    def count(**query: str) -> int:
        return len(owner_client.get(url, {"q": ""} | query).context["rows"])

    today = timezone.localdate()
    assert count() == 2
    assert count(q="12-34", state="waiting", channel="1") == 1
    assert count(q=wanted.external_id) == 1
    assert count(q="12-34", channel="2") == 0
    assert count(date_from=(today + timedelta(days=1)).isoformat()) == 0


def test_history_shows_a_month_by_default(owner_client: Client, counter: Counter) -> None:
    for days in (31, 1):
        started = timezone.now() - timedelta(days=days)
        call = make_call(cabinet=counter.cabinet, started_at=started)
        make_delivery(call=call, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    usual = owner_client.get(url).context
    everything = owner_client.get(url, {"q": "", "date_from": ""}).context

    first_day = timezone.localdate() - timedelta(days=29)
    assert usual["filters"]["date_from"].value() == first_day.isoformat()
    assert (len(usual["rows"]), len(everything["rows"])) == (1, 2)


def test_days_in_the_wrong_order_are_an_error(owner_client: Client, counter: Counter) -> None:
    query = {"q": "", "date_from": "2026-11-20", "date_to": "2026-11-19"}

    answer = owner_client.get(reverse("calls:history", args=[counter.pk]), query)

    assert answer.status_code == 200
    assert answer.context["filters"].errors == {"date_to": ["Раньше, чем начало."]}
    assert "Раньше, чем начало." in answer.content.decode()


def test_viewer_cannot_reveal_a_number_digit_by_digit(
    viewer_client: Client, owner_client: Client, counter: Counter
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone=PHONE), counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    def rows(client: Client, term: str) -> Any:
        context = client.get(url, {"q": term}).context
        return len(context["rows"]) if "rows" in context else context["filters"].errors["q"]

    refusal = ["Введите последние 4 цифры или номер целиком."]
    assert rows(viewer_client, "1234") == 1
    assert rows(viewer_client, "31234") == refusal
    assert rows(viewer_client, "161231234") == refusal
    assert rows(viewer_client, "8 916 123 12 34") == 1
    assert rows(owner_client, "31234") == 1


def test_next_page_continues_without_totals(owner_client: Client, counter: Counter) -> None:
    for _ in range(51):
        make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    first = owner_client.get(url)
    second = owner_client.get(url, {"cursor": first.context["next_cursor"]})

    assert f"cursor={first.context['next_cursor']}" in first.content.decode()
    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 1)
    assert (second.context["totals"], second.context["next_cursor"]) == ([], "")


@pytest.mark.parametrize("count", [1, 40])
def test_history_makes_as_many_queries_for_many_rows_as_for_one(
    owner_client: Client, counter: Counter, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))

    # The counter, its unknown files and requests for logs, the rows, their calls, whether they are
    # too many to count, what the logs say of the rows,
    # the rows by upload, the states of these uploads, and what Metrika linked.
    with django_assert_num_queries(REQUEST_QUERIES + 11):
        owner_client.get(reverse("calls:history", args=[counter.pk]))


def test_totals_of_many_rows_are_loaded_after_the_page(
    owner_client: Client, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_page, "MAX_COUNTED_AT_ONCE", 2)
    for state in (DeliveryState.WAITING, DeliveryState.WAITING, DeliveryState.EXPIRED):
        make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, state=state)
    url = reverse("calls:history", args=[counter.pk])

    page = owner_client.get(url, {"state": "expired"})
    totals_url = page.context["totals_url"]
    loaded = owner_client.get(totals_url, headers={"HX-Request": "true"})
    whole = owner_client.get(totals_url)

    text = page.content.decode()
    assert "Звонков больше 2: считаем, сколько их в каждом состоянии." in text
    assert "Звонков: " not in text
    assert (len(page.context["rows"]), f'hx-get="{escape(totals_url)}"' in text) == (1, True)
    # Only the totals of the same days, and the links of the page without the totals in their URL.
    assert [(one.state, one.count) for one in loaded.context["totals"]] == [
        ("waiting", 2),
        ("expired", 1),
    ]
    assert loaded.context["period"] == whole.context["period"] == page.context["period"]
    assert loaded.content.decode().lstrip().startswith("<section")
    assert "Звонков: 3" in loaded.content.decode()
    assert "totals=" not in loaded.content.decode()
    # Without a script the link shows the page with them.
    assert (len(whole.context["rows"]), whole.context["totals_count"]) == (1, 3)


def test_totals_of_many_rows_before_the_default_period_are_of_the_days_that_are_shown(
    owner_client: Client, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_page, "MAX_COUNTED_AT_ONCE", 1)
    monkeypatch.setattr(history_page, "MAX_TOTALLED", 2)
    noon = timezone.localtime().replace(hour=12)
    for days in (40, 41, 90):
        call = make_call(cabinet=counter.cabinet, started_at=noon - timedelta(days=days))
        make_delivery(call=call, counter=counter)

    page = owner_client.get(reverse("calls:history", args=[counter.pk]))
    loaded = owner_client.get(page.context["totals_url"], headers={"HX-Request": "true"})

    assert loaded.context["period"] == page.context["period"]
    assert loaded.context["totals_count"] == len(page.context["rows"]) == 2


def test_removed_counter_keeps_its_history(owner_client: Client, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(removed_at=timezone.now())
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    answer = owner_client.get(reverse("calls:history", args=[counter.pk]))

    assert len(answer.context["rows"]) == 1


def test_partly_linked_calls_are_not_green_and_say_how_many_are_linked(
    owner_client: Client, counter: Counter
) -> None:
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        rows=25,
        line_quantity=25,
        linked_quantity=17,
        user_not_found_quantity=8,
    )
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    answer = owner_client.get(reverse("calls:history", args=[counter.pk]))

    cells = [row["cells"][0] for row in answer.context["rows"]]
    cell = next(cell for cell in cells if cell["upload_url"])
    assert (cell["state_text"], cell["state_tone"]) == ("Принят, в файле привязаны не все", "info")
    assert cell["reason_text"].startswith("В файле к визитам привязано 17 из 25.")
    totals = [(one.state, one.count, one.sent) for one in answer.context["totals"]]
    assert totals == [("waiting", 1, 0), ("partly_linked", 1, 1)]
    one = owner_client.get(reverse("calls:history", args=[counter.pk]), {"state": "waiting"})
    chosen = "Выбрано состояние «Ждёт отправки»: 1. Остальные числа — по всем состояниям."
    assert (chosen in one.content.decode(), chosen in answer.content.decode()) == (True, False)
    page = answer.content.decode()
    assert "Отправлено в Метрику: 1." in page
    assert "привязано к визитам 17 из 25" in page


def test_default_period_without_calls_is_lifted_and_said(
    owner_client: Client, counter: Counter
) -> None:
    old = make_call(cabinet=counter.cabinet, started_at=timezone.now() - timedelta(days=31))
    make_delivery(call=old, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    usual = owner_client.get(url)
    of_state = owner_client.get(url, {"state": "expired"})
    chosen = owner_client.get(url, {"q": "", "date_from": timezone.localdate().isoformat()})

    lifted = "За последние 30 дней звонков нет, поэтому показаны все."
    for answer in (usual, of_state):
        assert (len(answer.context["rows"]), lifted in answer.content.decode()) == (1, True)
        assert answer.context["filters"]["date_from"].value() == ""
        assert answer.context["period"] == "за всё время"
    # A period that a person chose is not lifted without being asked.
    assert (chosen.context["rows"], lifted in chosen.content.decode()) == ([], False)


def test_long_history_is_not_counted_whole_in_place_of_the_default_period(
    owner_client: Client, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_page, "MAX_TOTALLED", 2)
    noon = timezone.localtime().replace(hour=12)
    for days in (40, 41, 90):
        started_at = noon - timedelta(days=days)
        call = make_call(cabinet=counter.cabinet, started_at=started_at)
        make_delivery(call=call, counter=counter)
    last = (noon - timedelta(days=40)).date()
    url = reverse("calls:history", args=[counter.pk])

    answer = owner_client.get(url, {"state": "expired"})

    first = last - timedelta(days=29)
    filters = answer.context["filters"]
    assert len(answer.context["rows"]) == answer.context["totals_count"] == 2
    assert (filters["date_from"].value(), filters["date_to"].value()) == (
        first.isoformat(),
        last.isoformat(),
    )
    period = answer.context["period"]
    page = answer.content.decode()
    assert period.startswith("с ")
    assert f"За последние 30 дней звонков нет, поэтому показаны более ранние, {period}." in page
    assert answer.context["all_time_url"] == "?state=expired&date_from=&date_to="
    everything = owner_client.get(url + answer.context["all_time_url"])
    assert len(everything.context["rows"]) == 3


@pytest.mark.parametrize(
    ("query", "text", "lifted"),
    [
        (
            {"state": "held"},
            "Звонков в состоянии «Отложен» здесь нет, в других состояниях есть.",
            {"q": ""},
        ),
        (
            {"reason": "too_short", "state": "waiting"},
            "Звонков с причиной «Короткий разговор» здесь нет, с другими есть.",
            {"q": "", "state": "waiting"},
        ),
        ({"channel": "2"}, "В канале «Цель» звонков нет, в другом канале есть.", {"q": ""}),
        (
            {"date_to": "2020-01-01", "state": "waiting"},
            "За выбранные дни звонков нет, за другие есть.",
            {"q": "", "state": "waiting"},
        ),
        (
            {"q": "99-99", "channel": "1"},
            "Поиск «99-99» ничего не нашёл, без него звонки есть.",
            {"q": "", "channel": "1"},
        ),
        (
            {"state": "held", "channel": "2"},
            "Звонки есть, но вместе эти условия не подходят ни одному.",
            {"q": ""},
        ),
    ],
)
def test_empty_history_says_what_hides_the_calls_and_lifts_exactly_that(
    owner_client: Client, counter: Counter, query: dict[str, str], text: str, lifted: dict[str, str]
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone=PHONE), counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    answer = owner_client.get(url, {"q": ""} | query)

    (hint,) = answer.context["hints"]
    assert (answer.context["rows"], hint.text) == ([], text)
    assert hint.url == f"{url}?{urlencode(lifted)}"
    assert text in answer.content.decode()
    assert len(owner_client.get(hint.url).context["rows"]) == 1


def test_search_for_a_call_of_another_counter_leads_to_it(
    owner_client: Client, counter: Counter
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
    elsewhere = make_call(cabinet=counter.cabinet, external_id="777")

    context = owner_client.get(reverse("calls:history", args=[counter.pk]), {"q": "777"}).context

    assert context["hints"][-1].url == reverse("calls:journey", args=[elsewhere.pk])


def test_counter_without_calls_blames_no_filter(owner_client: Client, counter: Counter) -> None:
    answer = owner_client.get(reverse("calls:history", args=[counter.pk]), {"state": "held"})

    assert answer.context["hints"] == []
    assert "Звонков ещё не было" in answer.content.decode()


def two_goal_rows_of_one_second(counter: Counter) -> tuple[Upload, list[Call]]:
    """Return a processed upload of two rows, and the calls of these."""
    moment = timezone.now() - timedelta(hours=2)
    upload = make_upload(
        counter=counter,
        channel=Channel.GOAL,
        target="call",
        rows=2,
        state=UploadState.PROCESSED,
        linked_quantity=2,
        oldest_call_at=moment,
        newest_call_at=moment,
    )
    calls = [
        make_call(cabinet=counter.cabinet, started_at=moment, client_id="1718031415926530000")
        for _ in range(2)
    ]
    for number, call in enumerate(calls, start=1):
        make_delivery(
            call=call,
            counter=counter,
            channel=Channel.GOAL,
            upload=upload,
            row_number=number,
        )
    return upload, calls


def test_two_goal_rows_of_one_second_are_told_on_every_page(
    owner_client: Client, counter: Counter
) -> None:
    upload, calls = two_goal_rows_of_one_second(counter)

    rows = owner_client.get(reverse("calls:history", args=[counter.pk]), {"q": ""}).context["rows"]
    call_page = owner_client.get(reverse("calls:journey", args=[calls[0].pk]))
    upload_page = owner_client.get(reverse("calls:upload", args=[upload.pk]))

    said = (
        "Метрика засчитывает цель не чаще раза в секунду на посетителя: с этим звонком совпал "
        f"звонок {calls[1].external_id}. В отчёте по цели это одно достижение."
    )
    goal_cells = [row["cells"][1] for row in rows]
    assert [row["cells"][0] for row in rows] == [{"channel_text": "Звонки"}] * 2
    assert [(cell["state_text"], cell["state_tone"]) for cell in goal_cells] == [
        ("Принят, привязан, совпала секунда", "info")
    ] * 2
    assert {cell["same_second_text"] for cell in goal_cells} == {
        said,
        said.replace(calls[1].external_id, calls[0].external_id),
    }
    (timeline,) = call_page.context["timelines"]
    assert (timeline.state_tone, timeline.same_second_text) == ("info", said)
    assert said in call_page.content.decode()
    assert upload_page.context["upload"]["same_second"] == 2
    assert "строк: 2. Тот же посетитель в ту же секунду" in upload_page.content.decode()
