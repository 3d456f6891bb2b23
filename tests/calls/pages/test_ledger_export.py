"""Files of the ledger: streamed when small, made by a worker when large; the same rows in each."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from cabinets.models import AuditEvent
from calls.models import ExportState, LedgerExport, LedgerExportPiece
from calls.pages.ledger_export import job, rows, views
from calls.pages.ledger_export.rows import LedgerReader
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.workbooks import sheet_in, values_in

LEDGER = "/lk/integrations/calls"
EXPORT = f"{LEDGER}/export"


@pytest.fixture
def ledger(counter: Counter) -> Counter:
    """A call in a file and refused as a goal, one that waits and one of no counter."""
    made = [
        make_call(
            cabinet=counter.cabinet,
            started_at=timezone.now() - timedelta(hours=1 + number),
            phone=f"+7916123450{number}",
            external_id=f"call-number-000{number}",
            site='=HYPERLINK("x")',
            tags=["Целевой", "ivanov@mail.example"],
        )
        for number in range(3)
    ]
    make_delivery(call=made[0], counter=counter, upload=make_upload(counter=counter))
    refused = {"state": DeliveryState.SKIPPED, "reason": "campaign", "channel": Channel.GOAL}
    compared = ["Иванов, весна", ["Окна"], 1]
    make_delivery(call=made[0], counter=counter, compared=compared, **refused)
    make_delivery(call=made[1], counter=counter)
    return counter


def lines_of(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:]), delimiter=";"))


def sheet_of(answer: Any) -> list[Any]:
    return list(values_in(sheet_in(io.BytesIO(b"".join(answer.streaming_content)))))


def ordered(client: Client, query: str = "", kind: str = "csv") -> Any:
    return client.post(f"{EXPORT}?{query}", {"format": kind})


def test_small_file_has_a_line_for_each_row_and_no_formula(
    owner_client: Client, viewer_client: Client, ledger: Counter
) -> None:
    lines = lines_of(ordered(owner_client))
    column = {title: place for place, title in enumerate(lines[0])}

    def told(line: list[str], *names: str) -> list[str]:
        return [line[column[name]] for name in names]

    assert [told(line, "Телефон клиента", "Канал", "Состояние") for line in lines[1:]] == [
        ["7 916 123-45-00", "Звонки", "Отправлен"],
        ["7 916 123-45-00", "Цель", "Не отправляется"],
        ["7 916 123-45-01", "Звонки", "Ждёт отправки"],
        ["7 916 123-45-02", "", "Ни в одном счетчике"],
    ]
    assert [told(line, "Привязка") for line in lines[1:]] == [
        ["по логам Метрики не проверялся: проверка выключена в настройках счетчика"],
        *([""] for _ in range(3)),
    ]
    likely = "Прогноз: свяжется с визитом — ClientID похож на настоящий, звонок свежий."
    forecasts = [told(line, "Прогноз привязки") for line in lines[1:]]
    assert forecasts == [[likely], [""], [likely], [""]]
    assert told(lines[1], "Сайт", "Теги") == ['\'=HYPERLINK("x")', "Целевой, ivanov@mail.example"]
    assert "Иванов" in lines[2][column["Почему"]]
    # The filters of rows leave the other row of the call out, and calls of no counter.
    only = lines_of(ordered(owner_client, "state=skipped"))
    assert [line[column["Канал"]] for line in only[1:]] == ["Цель"]
    assert AuditEvent.objects.filter(action="ledger.downloaded").count() == 2

    sheet = sheet_of(ordered(owner_client, kind="xlsx"))
    assert [row[column["Сайт"]] for row in sheet[1:]] == ['=HYPERLINK("x")'] * 4
    assert [row[column["Телефон клиента"]] for row in sheet[1:3]] == ["+7 916 123-45-00"] * 2

    masked = lines_of(ordered(viewer_client))
    assert told(masked[1], "Телефон клиента", "Теги", "Номер звонка") == [
        "7 *** ***-45-00",
        "Целевой, ***",
        "***0000",
    ]
    assert not [line for line in masked if "Иванов" in str(line) or "16123" in str(line)]


def test_large_file_is_made_in_steps_and_goes_on_after_a_failure(
    owner_client: Client, viewer_client: Client, ledger: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {kind: read(ordered(owner_client, kind=kind)) for kind, read in READ.items()}
    monkeypatch.setattr(views, "AT_ONCE", 2)
    monkeypatch.setattr(rows, "STEP", 1)

    page = ordered(owner_client)["Location"]
    export = LedgerExport.objects.get()
    assert "Файл готовится" in owner_client.get(page).content.decode()
    assert owner_client.get(f"{page}/calls.csv").status_code == 404
    assert ordered(owner_client)["Location"] == LEDGER
    assert "Другой файл этого кабинета ещё готовится" in owner_client.get(LEDGER).content.decode()
    # A step that fails leaves nothing behind, and the next one is the same.
    with monkeypatch.context() as patch:
        steps = iter([LedgerReader.step, None])
        patch.setattr(LedgerReader, "step", lambda *args: next(steps)(*args))  # type: ignore[misc]
        assert job.run_due(seconds=60) == 1
    export.refresh_from_db()
    assert (export.state, export.rows, export.failures) == (ExportState.WORKING, 2, 1)
    # What came since is not in it.
    make_call(cabinet=ledger.cabinet, started_at=timezone.now())
    assert job.run_due(seconds=60) == 2

    export.refresh_from_db()
    assert (export.state, export.rows, export.is_cut) == (ExportState.DONE, 4, False)
    assert "Строк: 4." in owner_client.get(page).content.decode()
    for kind, read in READ.items():
        assert read(owner_client.get(f"{page}/calls.{kind}")) == expected[kind]
    assert owner_client.get(f"{page}/calls.exe").status_code == 404
    assert viewer_client.get(page).status_code == 404
    assert viewer_client.get(f"{page}/calls.csv").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        job.run_due(seconds=60)
    assert not LedgerExport.objects.exists()
    assert not LedgerExportPiece.objects.exists()


READ = {"csv": lines_of, "xlsx": sheet_of}


def test_file_ends_at_its_limit_or_when_it_is_cancelled_or_fails_for_good(
    owner_client: Client, ledger: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "AT_ONCE", 2)
    monkeypatch.setattr(job, "MAX_ROWS", 3)
    page = ordered(owner_client)["Location"]
    job.run_due(seconds=60)
    assert "Больше 3 строк в файл не помещается" in owner_client.get(page).content.decode()
    assert len(lines_of(owner_client.get(f"{page}/calls.csv"))) == 4

    cancelled = ordered(owner_client)["Location"]
    owner_client.post(f"{cancelled}/cancel")
    assert "Отменён" in owner_client.get(cancelled).content.decode()
    assert job.run_due(seconds=60) == 0

    broken = ordered(owner_client)["Location"]
    monkeypatch.setattr(LedgerReader, "step", None)
    for _time in range(job.MAX_FAILURES):
        job.run_due(seconds=60)
    assert "Файл не удалось собрать" in owner_client.get(broken).content.decode()
    assert set(LedgerExport.objects.values_list("state", flat=True)) == {
        *(ExportState.DONE, ExportState.CANCELLED, ExportState.FAILED)
    }
