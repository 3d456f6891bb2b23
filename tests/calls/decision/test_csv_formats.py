"""Patterns of CSV cells: PostgreSQL and Python agree, invalid rows are found."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cabinets.models import Cabinet
from calls.decision.csv_formats import PATTERNS, fits_sql, unfit_rows
from calls.delivery import batching
from calls.delivery.csv_slice import cut_rows
from calls.ingest.parsing.fields import MAX_COUNT
from calls.models import UploadFile
from calls.states import DeliveryState, IdKind
from counters.models import Counter
from tests.calls.ledger import body_of
from tests.calls.stored import row_of, store_call

CHARACTERS = st.sampled_from("0129.+*-,AZaz\\/&#?=\"'% \n\r\t\x01\x7fЖ😀")
TEXTS = st.text(CHARACTERS, max_size=22) | st.text(
    st.characters(exclude_characters="\x00"), max_size=8
)


def fits_in_database(column: str, value: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {fits_sql(column, '%(value)s::text')}", {"value": value})
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize("column", list(PATTERNS))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(value=TEXTS)
def test_both_engines_match_alike(column: str, value: str) -> None:
    value = value.encode("utf-8", "ignore").decode()

    assert fits_in_database(column, value) is bool(re.fullmatch(PATTERNS[column], value))


@pytest.mark.parametrize(
    ("body", "unfit"),
    [
        ("ClientId,DateTime\n17,1767607384\n", []),
        ("ClientId,DateTime\nx,1767607384\n", [1]),
        ("ClientId,DateTime\n17,\n17,1\n", [1]),
        ("ClientId,DateTime\n,1\n", [1]),
        ("ClientId,DateTime,StaticCall\n,1,1\n,1,0\n", [2]),
        ('ClientId,DateTime,Tag\n17,1,"a\nb"\n17,x,c\n', [2]),
        ("ClientId,DateTime,PhoneNumber\n17,1,79161234567\n17,1,+7916***4567\n", [1]),
        ('ClientId,DateTime,Price,Currency\n17,1,"1,5",RUB\n17,1,1.50,rub\n17,1,2,RUB\n', [1, 2]),
        ("ClientId,Target,DateTime\n17,a/b,1\n17,zvonok,1\n17,,1\n", [1, 3]),
    ],
)
def test_rows_that_metrika_cannot_accept_are_found(body: str, unfit: list[int]) -> None:
    assert unfit_rows([body.encode()]) == unfit


@pytest.mark.parametrize("column", ["TalkDuration", "HoldDuration"])
def test_longest_accepted_call_fits_its_cell(column: str) -> None:
    body = f"ClientId,DateTime,{column}\n17,1,{MAX_COUNT}\n17,1,{MAX_COUNT + 1}\n"

    assert unfit_rows([body.encode()]) == [2]


ROWS = st.lists(st.text('a,"\n\r;', max_size=6), min_size=1, max_size=6)


@given(rows=ROWS, data=st.data())
def test_rows_are_cut_byte_for_byte(rows: list[str], data: st.DataObject) -> None:
    records = [('"' + text.replace('"', '""') + '",1\n').encode() for text in rows]
    first = data.draw(st.integers(1, len(rows)))
    last = data.draw(st.integers(first, len(rows)))

    rows_per_piece = data.draw(st.integers(1, len(rows)))
    bodies = [
        (start, b"".join(records[start - 1 : start - 1 + rows_per_piece]))
        for start in range(1, len(rows) + 1, rows_per_piece)
    ]
    header = b"Tag,DateTime\n"
    pieces = [(1, header + bodies[0][1]), *bodies[1:]]

    cut = list(cut_rows(pieces, first, last))

    assert b"".join(body for _row, body in cut) == header + b"".join(records[first - 1 : last])
    assert [row for row, _body in cut] == [
        1 + sum(body.count(b'",1\n') for _row, body in cut[:place]) for place in range(len(cut))
    ]


def test_next_identifier_is_used_instead_of_an_invalid_one(
    cabinet: Cabinet, counter: Counter
) -> None:
    other = store_call(cabinet=cabinet, client_id="GA1.2.3", yclid="5")
    none = store_call(cabinet=cabinet, client_id="GA1.2.3")

    assert (row_of(other).state, row_of(other).id_kind) == (DeliveryState.WAITING, IdKind.YCLID)
    assert row_of(none).reason == "identifier_unreadable"


@pytest.mark.parametrize("phone", ["+112", "+1234567890123456789", "12345"])
def test_invalid_phone_leaves_its_cell_empty(
    cabinet: Cabinet, counter: Counter, phone: str
) -> None:
    store_call(cabinet=cabinet, phone=phone, client_id="17")

    batching.build_uploads(now=timezone.now() + timedelta(hours=1))

    body = body_of(UploadFile.objects.get().pk)
    assert phone.encode() not in body
    assert unfit_rows([body]) == []
