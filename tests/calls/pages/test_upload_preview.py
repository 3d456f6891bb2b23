"""Reading the stored file of an upload."""

from __future__ import annotations

from typing import Any

from calls.pages.upload_preview import (
    PREVIEW_BYTES,
    PREVIEW_ROWS,
    preview_of,
    values_of,
)
from counters.models import Counter
from tests.calls.ledger import make_upload

AWKWARD = 'ClientId,Tag\r\n1,"Окна, ""люкс""\nвторая строка"\r\n2,=SUM(A1)\r\n3,🔥\r\n'.encode()


def test_row_is_read_as_it_was_sent(counter: Counter) -> None:
    upload = make_upload(counter=counter, body=AWKWARD, rows=3)

    values = values_of([(upload.pk, 1), (upload.pk, 3)])

    assert values == {
        (upload.pk, 1): {"ClientId": "1", "Tag": 'Окна, "люкс"\nвторая строка'},
        (upload.pk, 3): {"ClientId": "3", "Tag": "🔥"},
    }


def test_rows_of_several_files_need_one_query(
    counter: Counter, django_assert_num_queries: Any
) -> None:
    uploads = [make_upload(counter=counter) for _ in range(3)]

    with django_assert_num_queries(1):
        values = values_of([(upload.pk, 1) for upload in uploads])

    assert len(values) == 3


def test_preview_shows_the_first_rows(counter: Counter) -> None:
    body = b"ClientId\n" + b"".join(b"%d\n" % number for number in range(200))
    upload = make_upload(counter=counter, body=body, rows=200)

    preview = preview_of(upload.pk)

    assert preview.header == ["ClientId"]
    assert preview.rows == [[str(number)] for number in range(PREVIEW_ROWS)]


def test_row_cut_by_the_preview_is_left_out(counter: Counter) -> None:
    body = b"Tag\nwhole\n" + b"x" * PREVIEW_BYTES + b"\n"
    upload = make_upload(counter=counter, body=body, rows=2)

    assert preview_of(upload.pk).rows == [["whole"]]


def test_upload_without_a_file_has_an_empty_preview(db: None) -> None:
    assert preview_of(1).rows == []
