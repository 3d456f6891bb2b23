"""The panel «Что Метрика сделала с каждым звонком» of a counter's history."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape

from cabinets.models import AuditEvent
from calls.models import Call, LinkProof, LogRequest, UnknownLogRow, Upload
from calls.pages.linked_share import LinkEvidence, Source
from calls.queries.link_totals import ProvedRows
from calls.states import LinkResult
from counters.models import Counter
from tests.calls.ledger import make_call, make_upload
from tests.calls.proof.stand import send
from tests.workbooks import sheet_in, values_in

STATE = "Принят, в файле привязаны не все"
OF_FILE = "Состояние — всего файла. В нём привязано 1 из 2."
RESULT = "По логам Метрики этот звонок привязан к визиту № 7."
TITLE = "Что Метрика сделала с каждым звонком"


@pytest.fixture
def found(counter: Counter) -> Counter:
    """A counter with a proved row, a row that is not ours and a call of which nothing is known."""
    now = timezone.now()
    Counter.objects.filter(pk=counter.pk).update(link_proof=True)
    yesterday = now - timedelta(days=1, hours=1)
    calls = [make_call(cabinet=counter.cabinet, started_at=yesterday) for _ in range(2)]
    upload = send(counter, calls)
    LinkProof.objects.create(
        upload=upload,
        row_number=1,
        call=calls[0],
        partition_at=yesterday,
        cabinet=counter.cabinet,
        counter=counter,
        channel=1,
        result=1,
        visit_id="7",
        proved_at=now,
    )
    UnknownLogRow.objects.create(
        counter=counter,
        upload=upload,
        uploading_id=upload.uploading_id or 0,
        kind="doubled",
        moment=yesterday,
        fingerprint="0",
        count=3,
        found_at=now,
    )
    return counter


def page_of(client: Client, counter: Counter) -> str:
    return client.get(reverse("calls:history", args=[counter.pk])).content.decode()


def panel_in(page: str) -> str:
    return page.partition('id="proof"')[2].partition("</section>")[0]


def test_person_orders_a_check_and_sees_what_was_not_sent(
    owner_client: Client, found: Counter
) -> None:
    # The counts lead to exactly these rows; nothing is being read, so the page stays as it is.
    page = page_of(owner_client, found)
    assert "hx-get" not in panel_in(page)
    day = timezone.localdate(LinkProof.objects.get().partition_at).isoformat()
    url = f"{reverse('calls:list')}?counter={found.pk}&link=linked&from={day}&to={day}"
    assert f'href="{escape(url)}">1</a>' in page
    assert "отправок, звонков: 1" in panel_in(page)
    Upload.objects.update(linked_quantity=1)
    # Badge, filter and export tell the state of the file; the row's own result stands beside it.
    shown = owner_client.get(f"{url}&state=partly_linked")
    listed = [row["deliveries"] for row in shown.context["rows"]]
    names = ("state_text", "result_text", "reason_text")
    assert [[tuple(one[name] for name in names) for one in row] for row in listed] == [
        [(STATE, RESULT, OF_FILE)]
    ]
    assert f"<strong>{RESULT}</strong>" in shown.content.decode()
    history = owner_client.get(reverse("calls:history", args=[found.pk]))
    of_history = [cell for row in history.context["rows"] for cell in row["cells"]]
    assert (STATE, RESULT, OF_FILE) in [tuple(map(one.get, names)) for one in of_history]
    answer: Any = owner_client.get(history.context["export_url"])
    sheet = values_in(sheet_in(io.BytesIO(b"".join(answer.streaming_content))))
    place = [sheet[0].index(title) for title in ("Состояние", "Почему", "Привязка")]
    linked = [STATE, OF_FILE, RESULT[0].lower() + RESULT[1:-1]]
    assert linked in [[row[one] for one in place] for row in sheet[1:]]
    upload = Upload.objects.get()
    of_upload = owner_client.get(reverse("calls:upload", args=[upload.pk])).content.decode()
    assert "По логам Метрики в этой выгрузке привязано 1 из 1 проверенных строк." in of_upload
    assert escape(f"?upload={upload.pk}&link=linked") in of_upload
    settings = owner_client.get(reverse("counters:settings", args=[found.pk])).content.decode()
    assert f'href="{reverse("calls:history", args=[found.pk])}#proof"' in settings

    order, seen = (
        reverse(name, args=[found.pk]) for name in ("calls:proof-order", "calls:proof-seen")
    )
    before = page_of(owner_client, found)
    row = UnknownLogRow.objects.get()

    for _ in range(2):
        owner_client.post(order)
        owner_client.post(seen, {"row": [row.pk, "x"]})
    after = page_of(owner_client, found)

    assert TITLE in before
    assert "лишних повторов — 3, чужих строк — 0" in before
    assert "Проверить сейчас" in before
    assert "лишних повторов" not in after
    assert "Проверка уже заказана" in after
    assert 'hx-trigger="every 5s"' in panel_in(after)
    request = LogRequest.objects.get()
    assert request.requested_by is not None
    actions = ["history.downloaded", "proof.ordered", "proof.rows_seen"]
    assert [one.action for one in AuditEvent.objects.order_by("pk")] == actions


def test_linked_rows_are_counted_by_files_and_by_logs_each_by_its_name(
    owner_client: Client, found: Counter
) -> None:
    # A static call without a visit is none of those whose links are counted.
    proof = LinkProof.objects.get()
    LinkProof.objects.create(
        upload=make_upload(counter=found, rows=1, is_static=True),
        row_number=1,
        call=make_call(cabinet=found.cabinet, started_at=proof.partition_at),
        partition_at=proof.partition_at,
        cabinet=found.cabinet,
        counter=found,
        channel=1,
        result=LinkResult.NO_VISIT,
        proved_at=proof.proved_at,
    )
    # The panel names the rows that could be linked, and why the others have no visit.
    panel = " ".join(panel_in(page_of(owner_client, found)).split())
    assert "Проверено отправок: 2, из них могли привязаться: 1." in panel
    reason = "из них без идентификатора, визит им не положен — непривязанных: 1"
    assert reason in panel
    Call.objects.filter(pk=LinkProof.objects.latest("pk").call_id).update(kind="static")
    panel = panel_in(page_of(owner_client, found))
    assert reason.replace("непривязанных", "статических") in panel

    statistics, funnel = (
        {one.code: one for one in owner_client.get(reverse(f"calls:{name}")).context["tables"]}
        for name in ("statistics", "funnel")
    )

    shares = {row[0].text: row[1].text for row in statistics["totals"].rows}
    assert shares["Доля привязанных, по логам"] == "100,0 %"
    assert "Доля привязанных, по файлам" in shares
    day = date_format(timezone.localtime(proof.proved_at), "j E, H:i")
    assert str(funnel["proofs"].title) == f"Что показали логи Метрики на {day}"
    assert "Привязаны, по файлам" in {row[0].text for row in funnel["steps"].rows}
    # The count is of the rows that the share is of; beneath are all, which the ledger opens.
    proofs = {row[0].text: row[1] for row in funnel["proofs"].rows}
    assert proofs["Без визита"].value == 0
    assert "link=not_linked" in getattr(proofs["Без визита"].under, "url", "")
    assert proofs["Статические и отправленные непривязанными"].value == 1


def test_funnel_and_statistics_show_one_share_and_name_what_it_is_counted_by(
    owner_client: Client, found: Counter
) -> None:
    upload, proof = Upload.objects.get(), LinkProof.objects.get()
    Upload.objects.update(linked_quantity=1)

    def shown() -> list[str]:
        statistics, funnel = (
            {one.code: one for one in owner_client.get(reverse(f"calls:{name}")).context["tables"]}
            for name in ("statistics", "funnel")
        )
        total = next(row for row in statistics["totals"].rows if "Доля прив" in row[0].text)
        (of_counter,) = statistics["counters"].rows
        step = funnel["steps"].rows[-1]
        assert total[1].text == of_counter[2].text == step[2].text
        return [total[0].text, of_counter[2].under.text, step[0].text, step[1].text, total[1].text]

    files = ["Доля привязанных, по файлам", "по файлам", "Привязаны, по файлам", "1", "50,0 %"]
    assert shown() == files
    # A file with calls before these days as well: its linked rows are divided.
    Upload.objects.update(oldest_call_at=upload.oldest_call_at - timedelta(days=40))
    assert [one.replace("оценка ", "") for one in shown()] == files
    assert shown()[2] == "Привязаны, оценка по файлам"
    proof.pk, proof.row_number, proof.visit_id = None, 2, "8"
    proof.save()
    logs = ["Доля привязанных, по логам", "по логам", "Привязаны, по логам", "2", "100,0 %"]
    assert shown() == logs


def test_linked_rows_are_the_sum_of_the_counters_own() -> None:
    """One counter is named by the logs, of another a row is not."""

    def row(counter: int, rows: int, linked: float) -> dict[str, Any]:
        told = {"deliveries": rows, "link_told": rows, "linked": linked}
        return {"counter_id": counter, "shown": "partly_linked", "reason": "", **told}

    named = ProvedRows({"linked": 2, "not_linked": 1})
    evidence = LinkEvidence({1: named, 2: named}, frozenset({3}))
    rows = [row(1, 3, 2.4), row(2, 4, 3), row(3, 4, 1)]
    shares = [evidence.linked(some) for some in (rows[:1], rows[1:2], rows[2:], rows[:2], [])]

    assert [(one.linked, one.of, one.source) for one in shares] == [
        (2, 3, Source.LOGS),
        (3, 4, Source.FILES),
        (1, 4, Source.ESTIMATE),
        (5, 7, Source.MIXED),
        (0, 0, Source.FILES),
    ]
    assert evidence.linked(rows).by_logs == {1}


def test_viewer_sees_the_results_and_orders_nothing(
    viewer_client: Client, found: Counter, stranger_client: Client
) -> None:
    page = page_of(viewer_client, found)
    url = reverse("calls:proof-order", args=[found.pk])

    assert TITLE in page
    assert "Проверить сейчас" not in page
    assert viewer_client.post(url).status_code == 403
    assert stranger_client.post(url).status_code == 404
    assert not LogRequest.objects.exists()


def test_counter_that_is_off_has_no_panel(owner_client: Client, counter: Counter) -> None:
    assert TITLE not in page_of(owner_client, counter)
