from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent
from calls.models import UploadAttempt
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

PHONE = "+79161231234"
#: The number in any way of writing it. A bare «916» or «1234» would also be met in microseconds.
UNMASKED = re.compile(r"916\D{0,3}123")
ANY_OF_IT = re.compile(r"9161231234|-12-34")
BODY = b"ClientId,PhoneNumber\r\n1,+79161231234\r\n=2,\xd0\xb0\r\n"
#: Session, person and membership: before any view.
FRAME_QUERIES = 3


@pytest.fixture
def addresses(counter: Counter) -> dict[str, str]:
    """A counter with one sent call; the address of each page about it."""
    call = make_call(cabinet=counter.cabinet, phone=PHONE)
    upload = make_upload(counter=counter, body=BODY, rows=2)
    make_delivery(call=call, counter=counter, upload=upload)
    return {
        "history": reverse("calls:history", args=[counter.pk]),
        "journey": reverse("calls:journey", args=[call.pk]),
        "upload": reverse("calls:upload", args=[upload.pk]),
        "upload-csv": reverse("calls:upload-csv", args=[upload.pk]),
    }


def test_addresses_are_as_published() -> None:
    assert reverse("calls:history", args=[7]) == "/lk/integrations/yandex/counters/7/history"
    assert reverse("calls:journey", args=[7]) == "/lk/integrations/calls/7"
    assert reverse("calls:upload", args=[7]) == "/lk/integrations/yandex/uploads/7"
    assert reverse("calls:upload-csv", args=[7]) == "/lk/integrations/yandex/uploads/7/csv"


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_another_cabinets_pages_do_not_exist(
    stranger_client: Client, addresses: dict[str, str], page: str
) -> None:
    answer = stranger_client.get(addresses[page])

    assert answer.status_code == 404
    assert not ANY_OF_IT.search(answer.content.decode())
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_pages_ask_for_a_sign_in(client: Client, addresses: dict[str, str], page: str) -> None:
    answer = client.get(addresses[page])

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_pages_are_only_looked_at(
    owner_client: Client, addresses: dict[str, str], page: str
) -> None:
    assert owner_client.post(addresses[page]).status_code == 405


@pytest.mark.parametrize("page", ["history", "journey"])
def test_a_viewer_sees_phones_masked(
    viewer_client: Client, owner_client: Client, addresses: dict[str, str], page: str
) -> None:
    for_viewer = viewer_client.get(addresses[page]).content.decode()
    for_owner = owner_client.get(addresses[page]).content.decode()

    assert not UNMASKED.search(for_viewer)
    assert "+7 *** ***-12-34" in for_viewer
    assert UNMASKED.search(for_owner)
    assert "+7 916 123-12-34" in for_owner
    assert "***-12-34" not in for_owner


def test_a_viewer_sees_no_phone_in_what_the_site_wrote(
    viewer_client: Client, owner_client: Client, counter: Counter
) -> None:
    page_url = "https://okna.example/balkon?tel=%2B79161231234"
    call = make_call(cabinet=counter.cabinet, user_id="79161231234", page_url=page_url)
    body = b"UserId,URL\n79161231234,https://okna.example/balkon?tel=%2B79161231234\n"
    upload = make_upload(counter=counter, body=body)
    make_delivery(call=call, counter=counter, upload=upload)
    address = reverse("calls:journey", args=[call.pk])

    for_viewer = viewer_client.get(address).content.decode()

    assert "9161231234" not in for_viewer
    assert for_viewer.count("https://okna.example/balkon?tel=+7 *** ***-12-34") == 2
    assert owner_client.get(address).content.decode().count("9161231234") == 4


def test_a_viewer_sees_an_upload_without_its_rows(
    viewer_client: Client, owner_client: Client, addresses: dict[str, str]
) -> None:
    for_viewer = viewer_client.get(addresses["upload"])
    for_owner = owner_client.get(addresses["upload"])

    assert not ANY_OF_IT.search(for_viewer.content.decode())
    assert "Содержимое файла видят владелец" in for_viewer.content.decode()
    assert "preview_rows" not in for_viewer.context
    assert PHONE in for_owner.content.decode()


def test_the_file_is_handed_out_byte_for_byte_and_noted(
    owner_client: Client, addresses: dict[str, str]
) -> None:
    answer = owner_client.get(addresses["upload-csv"])

    assert answer.content == BODY
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="callkeeper-')
    assert answer["X-Content-Type-Options"] == "nosniff"
    event = AuditEvent.objects.get()
    assert (event.action, event.actor and event.actor.username) == ("upload.downloaded", "owner")
    assert event.after == {"as": "sent"}


def test_the_file_for_people_is_guarded_and_noted(
    owner_client: Client, addresses: dict[str, str]
) -> None:
    answer = owner_client.get(addresses["upload-csv"], {"for": "people"})

    assert answer.content.decode("utf-8-sig").splitlines() == [
        '"ClientId";"PhoneNumber"',
        '"1";"\'+79161231234"',
        '"\'=2";"а"',
    ]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer["Content-Disposition"].endswith('-table.csv"')
    event = AuditEvent.objects.get()
    assert (event.action, event.after) == ("upload.downloaded", {"as": "table"})


def test_an_upload_offers_the_guarded_file_first(
    owner_client: Client, addresses: dict[str, str]
) -> None:
    page = owner_client.get(addresses["upload"]).content.decode()

    offered = re.findall(rf'href="{addresses["upload-csv"]}([^"]*)"', page)

    assert offered == ["?for=people", ""]
    assert "CSV как отправлено" in page


def test_a_viewer_gets_neither_the_file_nor_its_button(
    viewer_client: Client, addresses: dict[str, str]
) -> None:
    page = viewer_client.get(addresses["upload"])

    assert viewer_client.get(addresses["upload-csv"]).status_code == 403
    assert viewer_client.get(addresses["upload-csv"], {"for": "people"}).status_code == 403
    assert addresses["upload-csv"] not in page.content.decode()
    assert not AuditEvent.objects.exists()


def test_the_history_tells_state_reason_upload_and_time(
    owner_client: Client, counter: Counter
) -> None:
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
    refused, skipped = by_call[str(sent.pk)], by_call[str(short.pk)]
    assert refused["state_text"] == "Приняты не все строки"
    assert refused["reason_text"].startswith("Принято 98 из 100 строк")
    assert refused["upload_url"] == reverse("calls:upload", args=[upload.pk])
    assert refused["sent_at"] == upload.sent_at
    assert skipped["reason_text"].startswith("Разговор короче")
    assert (skipped["upload_url"], skipped["sent_at"]) == ("", None)
    assert [(one.state, one.count) for one in context["totals"]] == [
        ("row_refused", 1),
        ("skipped", 1),
    ]


def test_a_time_of_a_try_is_not_a_time_of_sending(owner_client: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.UNCLEAR, uploading_id=None)
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)

    context = owner_client.get(reverse("calls:history", args=[counter.pk])).context

    assert context["rows"][0]["sent_at"] is None


def test_filters_of_the_history_work_together(owner_client: Client, counter: Counter) -> None:
    wanted = make_call(cabinet=counter.cabinet, phone=PHONE)
    for call in (wanted, make_call(cabinet=counter.cabinet, phone="+79160000000")):
        make_delivery(call=call, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    def found(**query: str) -> int:
        return len(owner_client.get(url, {"q": ""} | query).context["rows"])

    today = timezone.localdate()
    assert found() == 2
    assert found(q="12-34", state="waiting", channel="1") == 1
    assert found(q=wanted.external_id) == 1
    assert found(q="12-34", channel="2") == 0
    assert found(date_from=(today + timedelta(days=1)).isoformat()) == 0


def test_a_month_is_shown_until_other_days_are_asked_for(
    owner_client: Client, counter: Counter
) -> None:
    old = make_call(cabinet=counter.cabinet, started_at=timezone.now() - timedelta(days=31))
    make_delivery(call=old, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    usual = owner_client.get(url).context
    everything = owner_client.get(url, {"q": "", "date_from": ""}).context

    first_day = timezone.localdate() - timedelta(days=29)
    assert (usual["filters"]["date_from"].value(), usual["rows"]) == (first_day.isoformat(), [])
    assert len(everything["rows"]) == 1


def test_days_in_the_wrong_order_are_told(owner_client: Client, counter: Counter) -> None:
    query = {"q": "", "date_from": "2026-11-20", "date_to": "2026-11-19"}

    answer = owner_client.get(reverse("calls:history", args=[counter.pk]), query)

    assert answer.status_code == 200
    assert answer.context["filters"].errors == {"date_to": ["Раньше, чем начало."]}
    assert "Раньше, чем начало." in answer.content.decode()


def test_a_viewer_cannot_find_a_number_out_digit_by_digit(
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


def test_the_next_page_continues_and_repeats_no_totals(
    owner_client: Client, counter: Counter
) -> None:
    for _ in range(51):
        make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    first = owner_client.get(url)
    second = owner_client.get(url, {"cursor": first.context["next_cursor"]})

    assert f"cursor={first.context['next_cursor']}" in first.content.decode()
    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 1)
    assert (second.context["totals"], second.context["next_cursor"]) == ([], "")


@pytest.mark.parametrize("count", [1, 40])
def test_a_history_asks_as_much_for_many_rows_as_for_one(
    owner_client: Client, counter: Counter, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))

    # The counter, the rows, their calls, and the totals.
    with django_assert_num_queries(FRAME_QUERIES + 4):
        owner_client.get(reverse("calls:history", args=[counter.pk]))


def test_a_removed_counter_keeps_its_history(owner_client: Client, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(removed_at=timezone.now())
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    answer = owner_client.get(reverse("calls:history", args=[counter.pk]))

    assert len(answer.context["rows"]) == 1


def test_a_call_of_no_counter_has_a_page(owner_client: Client, counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)

    answer = owner_client.get(reverse("calls:journey", args=[call.pk]))

    assert answer.status_code == 200
    assert answer.context["journeys"] == []


def test_an_upload_tells_counts_tries_and_its_first_rows(
    owner_client: Client, viewer_client: Client, counter: Counter
) -> None:
    upload = make_upload(
        counter=counter, state=UploadState.PROCESSED, body=BODY, rows=2, line_quantity=2
    )
    now = timezone.now()
    UploadAttempt.objects.create(
        upload=upload,
        number=1,
        started_at=now,
        ended_at=now + timedelta(milliseconds=1200),
        http_status=400,
        error_class="RequestRejected",
        excerpt="строка 2",
    )
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)
    url = reverse("calls:upload", args=[upload.pk])

    context = owner_client.get(url).context

    shown, (attempt,) = context["upload"], context["attempts"]
    assert (shown["rows"], shown["lines"], shown["metrika_id"]) == (2, 2, upload.uploading_id)
    assert (shown["state_text"], shown["state_tone"]) == ("Обработана Метрикой", "success")
    assert (attempt.took_text, attempt.status, attempt.tone) == ("1,2 с", 400, "danger")
    assert (attempt.outcome_text, attempt.answer) == ("Метрика отклонила файл", "строка 2")
    assert context["preview_header"] == ["ClientId", "PhoneNumber"]
    assert context["preview_rows"] == [["1", "+79161231234"], ["=2", "а"]]
    assert viewer_client.get(url).context["attempts"][0].answer == ""


def test_a_static_file_without_links_is_no_failure(owner_client: Client, counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.LINKAGE_FAILURE, is_static=True)

    shown = owner_client.get(reverse("calls:upload", args=[upload.pk])).context["upload"]

    assert (shown["state_text"], shown["state_tone"]) == ("Обработана Метрикой", "success")


@pytest.mark.parametrize("page", ["history", "journey", "upload"])
def test_pages_obey_the_content_policy(
    owner_client: Client, addresses: dict[str, str], page: str
) -> None:
    text = owner_client.get(addresses[page]).content.decode()

    assert "<style" not in text
    assert " style=" not in text
    assert "onclick=" not in text


def test_what_came_from_outside_is_escaped(owner_client: Client, counter: Counter) -> None:
    evil = "<script>alert(1)</script>"
    call = make_call(cabinet=counter.cabinet, campaign_name=evil, tags=[evil])
    upload = make_upload(counter=counter, body=f"Tag\n{evil}\n".encode())
    make_delivery(call=call, counter=counter, upload=upload)

    for url in (
        reverse("calls:journey", args=[call.pk]),
        reverse("calls:upload", args=[upload.pk]),
    ):
        assert evil not in owner_client.get(url).content.decode()


def test_two_cabinets_with_the_same_call_do_not_meet(
    owner_client: Client, stranger_client: Client, counter: Counter
) -> None:
    other = factories.make_cabinet(name="Третий")
    mine = make_call(cabinet=counter.cabinet, external_id="777")
    foreign = make_call(cabinet=other, external_id="777")
    make_delivery(call=mine, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    rows = owner_client.get(url, {"q": "777"}).context["rows"]

    assert [row["url"] for row in rows] == [reverse("calls:journey", args=[mine.pk])]
    assert owner_client.get(reverse("calls:journey", args=[foreign.pk])).status_code == 404
