"""A file from its upload to its calls: what is checked, said, stored, and what is not."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from cabinets.models import AuditEvent, CallSource
from calls.models import Call, Delivery, FileImport, FilePiece, Intake, RejectedRecord
from calls.states import DeliveryState, HoldBack
from calls.ways import import_steps
from calls.ways.imports import claims, files, reading, run
from counters.models import Counter
from tests import factories
from tests.calls.ways.imports.conftest import NOW, line, table

COUNTS = ("created", "updated", "duplicate", "rejected")


def new_url(source: CallSource) -> str:
    return reverse("calls:import-new", args=[source.pk])


def url(name: str, one: FileImport) -> str:
    return reverse(f"calls:{name}", args=[one.source_id, one.pk])


def upload(client: Client, source: CallSource, data: bytes, name: str = "звонки.csv") -> FileImport:
    answer = client.post(new_url(source), {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.content.decode()
    return FileImport.objects.get(pk=answer["Location"].rpartition("/")[2])


def work(one: FileImport) -> FileImport:
    run.run_due(seconds=60)
    one.refresh_from_db()
    return one


def counts(one: FileImport) -> tuple[int, ...]:
    return tuple(getattr(one, name) for name in COUNTS)


def test_plan_names_calls_of_before_the_counters_start(
    owner_client: Client, source: CallSource, counter: Counter
) -> None:
    Counter.objects.update(accepts_from=NOW)

    one = work(upload(owner_client, source, table(line(1), line(2))))

    page = " ".join(owner_client.get(url("import", one)).content.decode().split())
    assert "0 из 2; 2 начались раньше, чем счетчик принимает звонки" in page


def test_file_is_checked_explained_and_stored_on_the_persons_word(
    owner_client: Client, source: CallSource, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ROWS_PER_STEP", 3)
    monkeypatch.setattr(import_steps, "CALLS_PER_STEP", 4)
    rows = [*(line(number) for number in range(1, 6)), line(6, days=30), line(7, days=40)]
    data = table(*rows, line(8, phone="7,916E+10"), "=cmd()")
    one = work(upload(owner_client, source, data))

    assert (one.state, one.kind, one.encoding, one.delimiter) == ("checked", "csv", "cp1251", ";")
    assert (one.rows_total, one.valid, one.invalid, one.too_old) == (9, 7, 2, 2)
    assert not Call.objects.exists()
    assert not Delivery.objects.exists()
    assert not Intake.objects.exists()
    page = owner_client.get(url("import", one)).content.decode()
    assert "5 из 7" in " ".join(page.split())
    assert "2 старше 21 дня" in " ".join(page.split())
    assert "spoilt_number" in page
    answer = owner_client.get(url("import-errors", one))
    lines = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig")), delimiter=";"))
    assert [(row, code) for row, code, *_rest in lines[1:]] == [
        ("9", "spoilt_number"),
        ("10", "ragged_row"),
    ]

    owner_client.post(url("import-start", one), {"send": "1"})
    one = work(one)

    assert one.state == "done"
    assert counts(one) == (7, 0, 0, 2)
    assert Call.objects.filter(hold_back=None).count() == 7
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 5
    assert Delivery.objects.filter(state=DeliveryState.EXPIRED).count() == 2
    assert sum(Intake.objects.values_list("received", flat=True)) == 9
    assert RejectedRecord.objects.count() == 2
    assert one.errors.count() == 2
    events = AuditEvent.objects.filter(action__startswith="import.").order_by("pk")
    assert [event.action for event in events] == ["import.uploaded", "import.started"]

    again = work(upload(owner_client, source, data))
    assert again.plan["duplicate"] == 7
    owner_client.post(url("import-start", again), {"send": "1"})
    assert counts(work(again)) == (0, 0, 7, 2)
    assert Call.objects.count() == 7


def test_calls_loaded_only_are_not_sent_until_a_person_says_so(
    owner_client: Client, source: CallSource, counter: Counter
) -> None:
    one = work(upload(owner_client, source, table(line(1), line(2))))
    owner_client.post(url("import-start", one), {"send": "0"})
    one = work(one)

    assert (one.state, counts(one)) == ("done", (2, 0, 0, 0))
    assert set(Call.objects.values_list("hold_back", flat=True)) == {HoldBack.LOADED}
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SKIPPED}

    owner_client.post(url("import-start", one), {"send": "1"})
    one = work(one)

    assert (one.state, counts(one)) == ("done", (0, 2, 0, 0))
    assert set(Call.objects.values_list("hold_back", flat=True)) == {None}
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.WAITING}


def test_columns_that_are_not_recognised_are_chosen_by_the_person(
    owner_client: Client, source: CallSource, counter: Counter
) -> None:
    start = NOW.strftime("%d.%m.%Y %H:%M")
    data = f"когда,кто,прочее\n{start},79161234567,x\n".encode("utf-16")
    one = work(upload(owner_client, source, data))

    assert (one.state, one.error_code) == ("failed", "columns_unknown")
    assert one.header == ["когда", "кто", "прочее"]
    page = owner_client.get(url("import", one)).content.decode()
    assert "Непонятно, в каких столбцах" in page
    assert "Загрузить другой файл" in page

    chosen = {"field-callTime": "когда", "field-clientNumber": "кто"}
    owner_client.post(url("import-check", one), chosen)
    one = work(one)

    assert (one.state, one.valid, one.error_code) == ("checked", 1, "")
    assert one.mapping == {"callTime": "когда", "clientNumber": "кто"}


@pytest.mark.parametrize(("data", "sentence"), [(b"", "не пустой"), (b"x" * 3000, "больше 0 МБ")])
def test_empty_or_too_large_file_leaves_nothing(
    owner_client: Client, source: CallSource, settings: Settings, data: bytes, sentence: str
) -> None:
    settings.IMPORT_MAX_BYTES = 2048
    answer = owner_client.post(new_url(source), {"file": SimpleUploadedFile("a.csv", data)})

    assert answer.status_code == (413 if data else 200)
    assert sentence in answer.content.decode()
    assert not FileImport.objects.exists()
    assert not FilePiece.objects.exists()


def test_file_is_stored_in_pieces_and_the_same_one_twice_is_one_import(
    owner_client: Client, source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 1000)
    data = table(*(line(number) for number in range(100)))

    first, second = upload(owner_client, source, data), upload(owner_client, source, data)

    assert first == second
    pieces = list(first.pieces.order_by("number").values_list("data", flat=True))
    assert b"".join(map(bytes, pieces)) == data
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    assert FileImport.objects.count() == 1
    assert FilePiece.objects.count() == len(pieces)


def test_form_without_its_token_stores_nothing(owner_client: Client, source: CallSource) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner_client.cookies
    page = strict.get(new_url(source))
    token = page.context["csrf_token"]
    file = {"file": SimpleUploadedFile("a.csv", table(line(1))), "csrfmiddlewaretoken": token}

    assert strict.post(new_url(source), file).status_code == 403
    assert not FileImport.objects.exists()
    file = {"file": SimpleUploadedFile("a.csv", table(line(1)))}
    assert strict.post(f"{new_url(source)}?token={token}", file).status_code == 302
    assert FileImport.objects.get().state == "uploaded"


def test_order_of_a_person_takes_the_file_from_the_worker(
    owner_client: Client, source: CallSource, counter: Counter
) -> None:
    one = upload(owner_client, source, table(line(1)))
    held = claims.claim(NOW)
    assert held is not None

    owner_client.post(url("import-cancel", one))

    with pytest.raises(claims.LeaseLost):
        claims.pass_checked(held, valid=1, invalid=0, now=NOW)
    one.refresh_from_db()
    assert (one.state, one.checked) == ("cancelled", 0)
    assert claims.claim(NOW) is None


def test_viewer_sees_masked_rows_and_cannot_act(
    owner_client: Client, viewer_client: Client, source: CallSource, counter: Counter
) -> None:
    content = table(line(1, phone="79161234567")).replace(
        "ID звонка".encode("cp1251"), b"79161234568"
    )
    one = work(upload(owner_client, source, content))

    page = viewer_client.get(url("import", one)).content.decode()

    assert "79161234567" not in page
    assert "79161234568" not in page
    assert "Загрузить и отправить" not in page
    assert viewer_client.get(new_url(source)).status_code == 403
    for name in ("import-start", "import-check", "import-cancel"):
        assert viewer_client.post(url(name, one)).status_code == 403
    one.refresh_from_db()
    assert one.state == "checked"


def test_old_imports_and_uploads_that_were_cut_off_are_deleted(
    source: CallSource, settings: Settings, still_clock: time_machine.Traveller
) -> None:
    settings.IMPORT_DAYS = 7
    kept = factories.make_import(source=source)
    factories.make_import(source=source, created_at=NOW.replace(day=15))
    factories.make_import(source=source, state="uploading", created_at=NOW.replace(hour=6))

    assert files.delete_old(now=NOW) == 2
    assert list(FileImport.objects.all()) == [kept]
    assert FilePiece.objects.count() == 1


def test_copies_that_killed_workers_left_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "gettempdir", lambda: str(tmp_path))
    for name, seconds in (("old", 4000), ("new", 60)):
        copy = tmp_path / f"{run.COPY_PREFIX}{name}"
        copy.write_bytes(b"x")
        os.utime(copy, times=(NOW.timestamp() - seconds,) * 2)

    run._forget_copies()

    assert [one.name for one in tmp_path.iterdir()] == [f"{run.COPY_PREFIX}new"]
