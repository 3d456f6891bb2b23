from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

import pytest
import requests
import time_machine

from integrations.yandex.multipart import PIECE_BYTES, CsvForm

ROWS = 'ClientId,Tag\r\n1,"да, ""целевой"""\r\n2,"две\nстроки ☎️👍"\r\n'.encode()


@pytest.mark.parametrize(
    "content",
    [b"", ROWS, b"a" * PIECE_BYTES, b"b" * (3 * PIECE_BYTES + 1), b"\r\n--", bytes(range(256))],
)
def test_the_body_is_exactly_one_part_around_the_file(content: bytes) -> None:
    form = CsvForm(content, seconds=60)

    body = b"".join(form)

    edge = form.boundary.encode()
    assert body == (
        b"--" + edge + b"\r\n"
        b'Content-Disposition: form-data; name="file"; filename="calls.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\n" + content + b"\r\n--" + edge + b"--\r\n"
    )
    assert len(form) == len(body)


def test_a_standard_parser_finds_the_file() -> None:
    form = CsvForm(ROWS, seconds=60)
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()

    message = BytesParser(policy=HTTP).parsebytes(head + b"".join(form))

    (part,) = message.iter_parts()
    assert part.get_content_type() == "text/csv"
    assert part.get_filename() == "calls.csv"
    assert part.get_payload(decode=True) == ROWS


def test_pieces_are_small_views_of_the_file_itself() -> None:
    content = b"x" * (2 * PIECE_BYTES)

    pieces = list(CsvForm(content, seconds=60))[1:-1]

    assert [len(piece) for piece in pieces] == [PIECE_BYTES, PIECE_BYTES]
    assert all(isinstance(piece, memoryview) and piece.obj is content for piece in pieces)


def test_started_is_true_once_a_piece_was_taken() -> None:
    form = CsvForm(ROWS, seconds=60)
    assert not form.started

    next(iter(form))

    assert form.started


def test_each_form_has_its_own_boundary() -> None:
    assert CsvForm(ROWS, seconds=60).boundary != CsvForm(ROWS, seconds=60).boundary


def test_body_is_not_completed_after_its_deadline() -> None:
    with time_machine.travel(0, tick=False) as clock:
        pieces = iter(CsvForm(ROWS, seconds=60))
        clock.shift(60)
        next(pieces)

        clock.shift(0.1)

        with pytest.raises(requests.Timeout):
            next(pieces)
