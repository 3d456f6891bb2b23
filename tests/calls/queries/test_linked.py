"""What is known of the visits of accepted calls, for every answer that Metrika can give."""

from __future__ import annotations

from itertools import product

import pytest

from calls.models import Delivery, Upload
from calls.queries.display_state import display_state_of_upload
from calls.queries.linked import LinkedTotals, linked_of
from calls.states import TONES, Attention, Channel, DisplayState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

S, D = UploadState, DisplayState
ROWS = 25
#: State, static, linked, not found → what a call shows, and the linked rows that are known.
ANSWERS = [
    (S.PROCESSED, False, None, None, D.LINK_UNKNOWN, None),
    (S.PROCESSED, False, None, 8, D.LINK_UNKNOWN, None),
    (S.PROCESSED, False, 0, None, D.LINK_UNKNOWN, None),
    # Processed means that at least one row was linked, so two zeros were not counted.
    (S.PROCESSED, False, 0, 0, D.LINK_UNKNOWN, None),
    (S.PROCESSED, False, 0, 25, D.UNMATCHED, 0),
    (S.PROCESSED, False, 1, 24, D.PARTLY_LINKED, 1),
    (S.PROCESSED, False, 17, 8, D.PARTLY_LINKED, 17),
    (S.PROCESSED, False, 24, None, D.PARTLY_LINKED, 24),
    (S.PROCESSED, False, 25, 0, D.ACCEPTED, 25),
    (S.PROCESSED, False, 26, 0, D.ACCEPTED, 25),
    (S.LINKAGE_FAILURE, False, None, None, D.UNMATCHED, 0),
    (S.LINKAGE_FAILURE, False, 0, 0, D.UNMATCHED, 0),
    (S.LINKAGE_FAILURE, False, 0, 25, D.UNMATCHED, 0),
    (S.LINKAGE_FAILURE, False, 3, 22, D.PARTLY_LINKED, 3),
    (S.SENT, False, 0, 0, D.SENT, None),
    (S.SENT, False, 17, 8, D.SENT, None),
    (S.PROCESSED, True, None, None, D.ACCEPTED_STATIC, None),
    (S.PROCESSED, True, 0, 0, D.ACCEPTED_STATIC, None),
    (S.LINKAGE_FAILURE, True, None, None, D.ACCEPTED_STATIC, None),
    (S.LINKAGE_FAILURE, True, 0, 25, D.ACCEPTED_STATIC, None),
    (S.SENT, True, 0, 0, D.SENT, None),
]


def answered(
    counter: Counter,
    state: UploadState,
    is_static: bool,
    linked: int | None,
    missed: int | None,
    rows: int = ROWS,
) -> Upload:
    return make_upload(
        counter=counter,
        state=state,
        is_static=is_static,
        rows=rows,
        linked_quantity=linked,
        user_not_found_quantity=missed,
    )


@pytest.mark.parametrize(
    ("state", "is_static", "linked", "missed", "shown", "known"),
    ANSWERS,
)
def test_call_shows_what_metrika_told_of_its_file(
    counter: Counter,
    state: UploadState,
    is_static: bool,
    linked: int | None,
    missed: int | None,
    shown: DisplayState,
    known: int | None,
) -> None:
    upload = answered(counter, state, is_static, linked, missed)

    assert display_state_of_upload(upload.pk) == shown
    assert upload.linked_rows == known


def test_sql_and_the_model_agree_on_every_answer(counter: Counter) -> None:
    counts = [None, 0, 1, 4, 5, 6]
    answers = list(product((S.PROCESSED, S.LINKAGE_FAILURE, S.SENT), (False, True), counts, counts))
    uploads = [answered(counter, *answer, rows=5) for answer in answers]
    for upload in uploads:
        make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)
        shown = display_state_of_upload(upload.pk)
        if upload.state == S.SENT or upload.is_static:
            expected = D.SENT if upload.state == S.SENT else D.ACCEPTED_STATIC
        elif upload.linked_rows is None:
            expected = D.LINK_UNKNOWN
        elif upload.linked_rows == 5:
            expected = D.ACCEPTED
        else:
            expected = D.PARTLY_LINKED if upload.linked_rows else D.UNMATCHED
        assert shown == expected
        # Green only when every row is linked, or none can be.
        assert (TONES[shown] == "success") == (shown in (D.ACCEPTED, D.ACCEPTED_STATIC))

    processed = [one for one in uploads if one.state != S.SENT]
    dynamic = [one for one in processed if not one.is_static]
    told = [one for one in dynamic if one.linked_rows is not None]
    assert linked_of(Delivery.objects.filter(counter=counter)) == LinkedTotals(
        sent=5 * len(uploads),
        in_process=5 * (len(uploads) - len(processed)),
        told=5 * len(told),
        linked=sum(one.linked_rows or 0 for one in told),
        untold=5 * (len(dynamic) - len(told)),
        static=5 * (len(processed) - len(dynamic)),
    )


def test_file_that_metrika_does_not_have_counts_nothing(counter: Counter) -> None:
    for state in (S.READY, S.UNCLEAR):
        upload = make_upload(counter=counter, state=state, uploading_id=None, rows=7)
        make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)

    totals = linked_of(Delivery.objects.filter(counter=counter, channel=Channel.CALLS))

    assert totals == LinkedTotals()
    assert totals.parts() == []


def test_counts_of_more_rows_than_were_sent_link_no_call_for_certain(counter: Counter) -> None:
    upload = make_upload(
        counter=counter,
        state=S.PROCESSED,
        attention=Attention.QUANTITY,
        rows=2,
        line_quantity=3,
        linked_quantity=2,
    )
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)

    assert display_state_of_upload(upload.pk) == D.LINK_UNKNOWN
    assert upload.linked_rows is None
    totals = linked_of(Delivery.objects.filter(counter=counter))
    assert totals == LinkedTotals(sent=2, untold=2)


def test_file_of_two_calls_is_counted_once(counter: Counter) -> None:
    upload = answered(counter, S.PROCESSED, False, 17, 8)
    for number in (1, 2):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter, upload=upload, row_number=number)

    assert linked_of(Delivery.objects.filter(counter=counter)) == LinkedTotals(
        sent=25, told=25, linked=17
    )


def test_parts_name_each_count_and_leave_out_what_there_is_none_of() -> None:
    totals = LinkedTotals(sent=2200, in_process=3, told=1000, linked=850, untold=20, static=56)

    assert [part.replace("\xa0", " ") for part in totals.parts()] == [
        "привязано к визитам 850 из 1000",
        "о привязке 20 Метрика не сообщила",
        "непривязанных 56",
        "ещё обрабатываются 3",
    ]
    assert LinkedTotals(sent=4, told=4).parts() == ["привязано к визитам 0 из 4"]
