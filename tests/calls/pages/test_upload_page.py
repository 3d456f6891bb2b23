"""The page of an upload and the download of its file."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent
from calls.models import Delivery, Upload, UploadAttempt
from calls.pages.upload_page import figures_of
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.pages.conftest import BODY, PHONE
from tests.workbooks import sheet_in, values_in

#: Seven digits of the phone, or its last four as they are shown.
PART_OF_PHONE = re.compile(r"9161231234|-12-34")


def test_viewer_sees_an_upload_without_its_rows(
    viewer_client: Client, owner_client: Client, urls: dict[str, str]
) -> None:
    for_viewer = viewer_client.get(urls["upload"])
    for_owner = owner_client.get(urls["upload"])

    assert not PART_OF_PHONE.search(for_viewer.content.decode())
    assert "Содержимое файла видят владелец" in for_viewer.content.decode()
    assert "preview_rows" not in for_viewer.context
    assert PHONE in for_owner.content.decode()


def test_file_is_downloaded_byte_for_byte_and_audited(
    owner_client: Client, urls: dict[str, str]
) -> None:
    answer = owner_client.get(urls["upload-csv"])

    assert answer.content == BODY
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="callkeeper-')
    assert answer["X-Content-Type-Options"] == "nosniff"
    event = AuditEvent.objects.get()
    assert (event.action, event.actor and event.actor.username) == ("upload.downloaded", "owner")
    assert event.after == {"as": "sent"}


def test_file_for_people_is_a_workbook_and_audited(
    owner_client: Client, urls: dict[str, str], counter: Counter
) -> None:
    answer = owner_client.get(urls["upload-csv"], {"for": "people"})

    sheet = sheet_in(io.BytesIO(answer.content))
    assert values_in(sheet) == [
        ["ClientID посетителя", "Телефон клиента"],
        ["1", "+79161231234"],
        ["=2", "а"],
    ]
    assert sheet["A3"].data_type == "s"
    assert answer["Content-Type"] == (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )
    (number,) = re.findall(r"uploads/(\d+)/", urls["upload-csv"])
    name = f"callkeeper-{counter.number}-{number}.xlsx"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Cache-Control"] == "no-store"
    event = AuditEvent.objects.get()
    assert (event.action, event.after) == ("upload.downloaded", {"as": "table"})


def test_upload_page_offers_the_spreadsheet_file_first(
    owner_client: Client, urls: dict[str, str]
) -> None:
    page = owner_client.get(urls["upload"]).content.decode()

    offered = re.findall(rf'href="{urls["upload-csv"]}([^"]*)"', page)

    assert offered == ["?for=people", ""]
    assert "CSV как отправлено" in page


def test_viewer_gets_neither_the_file_nor_its_button(
    viewer_client: Client, urls: dict[str, str]
) -> None:
    page = viewer_client.get(urls["upload"])

    assert viewer_client.get(urls["upload-csv"]).status_code == 403
    assert viewer_client.get(urls["upload-csv"], {"for": "people"}).status_code == 403
    assert urls["upload-csv"] not in page.content.decode()
    assert not AuditEvent.objects.exists()


def test_upload_page_shows_counts_attempts_and_first_rows(
    owner_client: Client, viewer_client: Client, counter: Counter
) -> None:
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        body=BODY,
        rows=2,
        line_quantity=2,
        linked_quantity=2,
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
    assert (attempt.duration_text, attempt.status, attempt.tone) == ("1,2 с", 400, "danger")
    assert (attempt.outcome_text, attempt.answer) == ("Метрика отклонила файл", "строка 2")
    assert context["preview_header"] == ["ClientId", "PhoneNumber"]
    assert context["preview_rows"] == [["1", "+79161231234"], ["=2", "а"]]
    assert viewer_client.get(url).context["attempts"][0].answer == ""


def test_split_upload_says_how_many_rows_were_left_out_and_where_the_others_are(
    counter: Counter, owner_client: Client
) -> None:
    refused: dict[str, Any] = {"counter": counter, "state": "cancelled", "uploading_id": None}
    split = make_upload(**refused, rows=9, attention="split")
    url = reverse("calls:upload", args=[split.pk])
    half = make_upload(**refused, rows=5, attention="split", parent=split)
    parts = [
        make_upload(counter=counter, rows=rows, parent=parent, state="processed")
        for rows, parent in ((4, split), (3, half), (1, half), (1, half))
    ]

    def told() -> tuple[str, str]:
        shown = owner_client.get(url).context["upload"]
        return shown["state_text"], shown["reason_text"].removeprefix(
            "Метрика отклонила файл целиком. "
        )

    all_sent = "Ни одна строка не исключена: все звонки отправлены другими выгрузками."
    assert told() == ("Отклонена целиком", all_sent)
    Upload.objects.filter(pk=parts[3].pk).update(state="cancelled", attention="row_refused")
    rest = "Исключено строк: 1. Остальные звонки отправлены другими выгрузками."
    assert told()[1] == rest
    Upload.objects.filter(pk=parts[0].pk).update(state="later")
    Upload.objects.filter(pk=parts[2].pk).update(state="needs_attention", attention="quarantined")
    Upload.objects.filter(pk=half.pk).update(rows=7)
    Upload.objects.filter(pk=split.pk).update(rows=11)
    call = make_call(cabinet=counter.cabinet)
    row = make_delivery(call=call, counter=counter, upload=half)
    Delivery.objects.filter(pk=row.pk).update(
        state=DeliveryState.ROW_REFUSED, reason="refused_by_check"
    )
    assert told()[1] == (
        "Его строки: исключено: 2; приняты другими выгрузками: 3; ещё не приняты, их выгрузки в "
        "работе: 4; вернулись в общую очередь: 1; в выгрузках, которые требуют внимания: 1."
    )
    # One that was never sent is no refused one.
    Upload.objects.filter(pk=split.pk).update(attention="called_off")
    assert told()[0] == "Отменена"
    Upload.objects.filter(pk=split.pk).update(sent_at=None)
    assert told()[0] == "Отменена до отправки"


def test_static_file_without_linked_visits_is_no_failure(
    owner_client: Client, counter: Counter
) -> None:
    upload = make_upload(counter=counter, state=UploadState.LINKAGE_FAILURE, is_static=True)

    shown = owner_client.get(reverse("calls:upload", args=[upload.pk])).context["upload"]

    assert (shown["state_text"], shown["state_tone"]) == ("Обработана Метрикой", "success")


NOT_THERE: dict[str, Any] = {"uploading_id": None}
UNTOLD = "Метрика не сообщила"


@pytest.mark.parametrize(
    ("upload", "figures"),
    [
        (
            {"state": UploadState.READY} | NOT_THERE,
            [(25, ""), (None, "ещё нет"), (None, ""), (None, ""), (None, "")],
        ),
        (
            {"state": UploadState.LATER} | NOT_THERE,
            [(25, ""), (None, "ещё нет"), (None, ""), (None, ""), (None, "")],
        ),
        (
            {"state": UploadState.SENDING, "lease_until": timezone.now()} | NOT_THERE,
            [(25, ""), (None, "отправляется прямо сейчас"), (None, ""), (None, ""), (None, "")],
        ),
        (
            {"state": UploadState.UNCLEAR} | NOT_THERE,
            [(25, ""), (None, "неизвестно, дошёл ли файл"), (None, ""), (None, ""), (None, "")],
        ),
        (
            {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED} | NOT_THERE,
            [(25, ""), (None, "нет"), (None, ""), (None, ""), (None, "")],
        ),
        (
            {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.UNKNOWN_FATE} | NOT_THERE,
            [(25, ""), (None, "неизвестно, дошёл ли файл"), (None, ""), (None, ""), (None, "")],
        ),
        # Until Metrika has processed the file, its zeros are not counts.
        (
            {
                "state": UploadState.SENT,
                "line_quantity": 25,
                "linked_quantity": 0,
                "user_not_found_quantity": 0,
            },
            [(25, ""), (25, ""), (25, ""), (None, "станет известно после обработки"), (None, "")],
        ),
        (
            {"state": UploadState.PROCESSED},
            [(25, ""), (25, ""), (None, UNTOLD), (None, UNTOLD), (None, "")],
        ),
        (
            {
                "state": UploadState.PROCESSED,
                "line_quantity": 25,
                "linked_quantity": 17,
                "user_not_found_quantity": 8,
            },
            [(25, ""), (25, ""), (25, ""), (17, ""), (8, "")],
        ),
        (
            {
                "state": UploadState.LINKAGE_FAILURE,
                "is_static": True,
                "line_quantity": 25,
                "linked_quantity": 0,
                "user_not_found_quantity": 0,
            },
            [
                (25, ""),
                (25, ""),
                (25, ""),
                (None, "не относится: звонки непривязанные"),
                (None, ""),
            ],
        ),
    ],
)
def test_planned_sent_accepted_and_linked_are_known_at_different_times(
    owner_client: Client,
    counter: Counter,
    upload: dict[str, Any],
    figures: list[tuple[int | None, str]],
) -> None:
    shown = make_upload(counter=counter, rows=25, **upload)

    assert [(one.value, one.note) for one in figures_of(shown)] == figures
    assert [one.label for one in figures_of(shown)] == [
        "Строк в файле",
        "Отправлено",
        "Принято Метрикой",
        "Привязано к визитам",
        "Визит не найден",
    ]
    page = owner_client.get(reverse("calls:upload", args=[shown.pk])).content.decode()
    assert ("ровно то, что отправлено" in page) is (shown.uploading_id is not None)


def test_partly_linked_file_is_not_green(owner_client: Client, counter: Counter) -> None:
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        rows=25,
        line_quantity=25,
        linked_quantity=17,
        user_not_found_quantity=8,
    )

    shown = owner_client.get(reverse("calls:upload", args=[upload.pk])).context["upload"]

    assert (shown["state_text"], shown["state_tone"]) == ("Обработана Метрикой", "info")
    assert shown["reason_text"] == (
        "В файле к визитам привязано 17 из 25. Какие именно звонки, Метрика в ответе на файл не "
        "сообщает."
    )


@pytest.mark.parametrize("state", [UploadState.READY, UploadState.LATER])
def test_upload_that_is_held_up_is_not_called_ready(
    owner_client: Client, counter: Counter, state: UploadState
) -> None:
    upload = make_upload(counter=counter, state=state, uploading_id=None)
    Counter.objects.update(access="lost")

    page = owner_client.get(reverse("calls:upload", args=[upload.pk]))
    text = page.content.decode()

    assert page.context["upload"]["state_text"] == "Не отправлена, ждёт"
    assert text.count("Доступ к счетчику потерян") == 1
    assert "Готова к отправке" not in text
    assert "ждёт очереди" not in text
    assert [str(button.label) for button in page.context["upload"]["actions"]] == [
        "Отменить отправку"
    ]


def test_upload_that_is_held_up_by_nothing_waits_for_its_turn(
    owner_client: Client, counter: Counter
) -> None:
    upload = make_upload(counter=counter, state=UploadState.READY, uploading_id=None)

    text = owner_client.get(reverse("calls:upload", args=[upload.pk])).content.decode()

    assert "Готова к отправке" in text
    assert "Попыток ещё не было: выгрузка ждёт очереди." in text
