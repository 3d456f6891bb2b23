"""`manage.py import_calls` stores step by step; a thread reads the next one meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from cabinets.models import CallSource
from calls.ingest import known_calls
from calls.ingest.parsing.file_format import UnreadableListing
from calls.models import Call, Delivery, Way
from calls.runtime.read_ahead import THREAD
from calls.tables import json_file as json_module
from calls.tables.table import Row
from calls.ways import import_steps as module
from calls.ways.saved_mapping import source_reader
from counters.models import Counter
from tests import factories
from tests.calls.management.test_import_calls import run, write_file

pytestmark = pytest.mark.django_db
# Its names are replaced in the tests.
import_steps: Any = module
json_file: Any = json_module
#: Two whole steps and a part of one.
STEP, CALLS = 2, 5


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_steps, "CALLS_PER_STEP", STEP)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not any(one.name.startswith(THREAD) for one in threading.enumerate())


@pytest.fixture
def items() -> list[dict[str, Any]]:
    return [factories.v3_record() for _number in range(CALLS)]


@pytest.fixture
def file(tmp_path: Path, items: list[dict[str, Any]]) -> Path:
    return write_file(tmp_path, items)


def stored_ids() -> list[str]:
    return list(Call.objects.order_by("pk").values_list("external_id", flat=True))


def ids_of(items: list[dict[str, Any]]) -> list[str]:
    return [one["universalId"] for one in items]


def test_steps_are_stored_in_the_order_of_the_file(
    source: CallSource, counter: Counter, file: Path, items: list[dict[str, Any]]
) -> None:
    assert run(file, source) == (0, "Создано 5, изменено 0, уже были 0, отклонено 0\n", "")

    assert stored_ids() == ids_of(items)
    assert Delivery.objects.count() == CALLS


def test_next_step_is_read_while_one_is_stored(
    source: CallSource, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [threading.Event() for _step in range(3)]
    read_rows, store_calls = import_steps.read_rows, import_steps.store_calls
    steps = iter(read)
    following = iter(read[1:])

    def reading(*args: Any, **options: Any) -> Any:
        records = read_rows(*args, **options)
        next(steps).set()
        return records

    def storing(**options: Any) -> Any:
        wanted = next(following, None)
        assert wanted is None or wanted.wait(timeout=60)
        return store_calls(**options)

    monkeypatch.setattr(import_steps, "read_rows", reading)
    monkeypatch.setattr(import_steps, "store_calls", storing)

    assert run(file, source)[0] == 0
    assert Call.objects.count() == CALLS


def test_error_of_reading_comes_after_the_steps_before_it(
    source: CallSource, file: Path, items: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    records_of = json_file.records_of

    def changed(*args: Any) -> Iterator[Any]:
        records = records_of(*args)
        yield from (next(records) for _number in range(STEP + 1))
        raise UnreadableListing("Файл изменился во время чтения.")

    monkeypatch.setattr(json_file, "records_of", changed)

    assert run(file, source) == (2, "", "Файл изменился во время чтения.")
    assert stored_ids() == ids_of(items[:STEP])


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (OperationalError, (3, "", "База данных недоступна. Обработано 2: запустите ещё раз.")),
        (KeyboardInterrupt, (130, "", "Остановлено. Обработано 2: запустите ещё раз.")),
    ],
)
def test_import_that_stops_in_a_step_stores_whole_steps_and_goes_on_when_run_again(
    source: CallSource,
    file: Path,
    items: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    problem: type[BaseException],
    answer: tuple[int, str, str],
) -> None:
    store_calls = import_steps.store_calls
    steps = iter((False, True))

    def stopping(**options: Any) -> Any:
        if next(steps):
            raise problem
        return store_calls(**options)

    with monkeypatch.context() as patch:
        patch.setattr(import_steps, "store_calls", stopping)
        assert run(file, source) == answer
    assert stored_ids() == ids_of(items[:STEP])

    assert run(file, source) == (0, "Создано 3, изменено 0, уже были 2, отклонено 0\n", "")
    assert stored_ids() == ids_of(items)
    assert set(Call.objects.values_list("revision", flat=True)) == {1}


def test_record_is_refused_in_russian(source: CallSource, tmp_path: Path) -> None:
    """The thread that reads has the language of the command."""
    _code, _out, err = run(write_file(tmp_path, [{"universalId": "7"}]), source)

    assert err == "0: missing_field callTime — Нет времени начала звонка.\n"


def test_step_has_the_same_statements_whatever_its_length(
    source: CallSource, counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(write_file(tmp_path, [factories.v3_record()]), source)

    def statements(calls: int) -> list[str]:
        monkeypatch.setattr(import_steps, "CALLS_PER_STEP", calls)
        file = write_file(tmp_path, [factories.v3_record() for _number in range(calls)])
        with CaptureQueriesContext(connection) as captured:
            run(file, source)
        limits = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
        return [one["sql"] for one in captured if not one["sql"].startswith(limits)]

    few, many = statements(1), statements(40)

    words = (
        *("cabinets_callsource", "calls_sourcemapping"),
        *("pg_prepared_statements", "EXECUTE find_calls"),
        *(
            "COPY calls_call ",
            "EXECUTE decide_new",
            'INTO "calls_intake"',
            'UPDATE "cabinets_callsource"',
        ),
    )
    for sqls in (few, many):
        assert len(sqls) == len(words), json.dumps(sqls)[:2000]
        assert all(word in sql for word, sql in zip(words, sqls, strict=True))


def test_what_is_noted_of_a_step_is_committed_with_it_or_not_at_all(
    source: CallSource, items: list[dict[str, Any]]
) -> None:
    steps: list[list[int]] = []

    def noting(results: Any) -> None:
        assert Call.objects.count() == len(results) + sum(map(len, steps))
        if len(steps) == 1:
            raise OperationalError
        steps.append([one.number for one in results])

    read = source_reader(source, None)
    rows = iter([Row(number, item) for number, item in enumerate(items, 10)])
    with pytest.raises(OperationalError):
        list(import_steps.import_rows(rows, source=source, way=Way.FILE, read=read, on_step=noting))

    assert steps == [[10, 11]]
    assert stored_ids() == ids_of(items[:STEP])


def test_many_ids_take_all_locks_in_order() -> None:
    many = {str(number) for number in range(known_calls.MANY_IDS + 1)}
    few = {str(number) for number in range(50)}

    assert known_calls._lock_numbers(many) == list(range(known_calls.LOCKS))
    numbers = known_calls._lock_numbers(few)
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(known_calls._lock_numbers(many))


def test_step_of_many_callback_orders_takes_few_locks(
    source: CallSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock table is shared with all sessions and has room for some thousands."""
    monkeypatch.setattr(import_steps, "CALLS_PER_STEP", 600)
    orders = [
        factories.v3_record(serviceType="callback", cbCallId=number + 1) for number in range(600)
    ]

    run(write_file(tmp_path, orders), source)

    with connection.cursor() as cursor:  # they are held until the end of the test
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        (held,) = cursor.fetchone()
    assert Call.objects.exclude(order_key=None).count() == 600
    assert 256 < held <= 256 + known_calls.LOCKS
