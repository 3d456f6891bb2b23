"""The search of a cabinet: one field for calls, uploads and counters."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import Cabinet
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

SEARCH = "/lk/integrations/search"


def found(client: Client, text: str) -> tuple[list[str], list[int], list[str]]:
    """Return the phones of the calls, the numbers of the uploads, the names of the counters."""
    shown: Any = client.get(SEARCH, {"q": text}).context
    return (
        [row["phone"] for row in shown["rows"]],
        [one["number"] for one in shown["uploads"]],
        [one["counter"].name for one in shown["counters"]],
    )


def test_one_field_finds_calls_uploads_and_counters(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    call = make_call(cabinet=cabinet, phone="+79161230042", external_id="calltracking-559")
    upload = make_upload(counter=counter, uploading_id=1_830_000_777)
    make_delivery(call=call, counter=counter, upload=upload)
    other = factories.make_account(cabinet=factories.make_cabinet(name="Клиника Урал"))
    foreign = factories.make_counter(account=other, name="Окна Урала")
    make_upload(counter=foreign, uploading_id=1_830_000_777)
    make_call(cabinet=other.cabinet, phone="+79161230042")

    phone = ["+7 916 123-00-42"]
    for spelling in ("8 (916) 123-00-42", "+79161230042", "123-00-42", "0042"):
        assert found(owner_client, spelling) == (phone, [], [])
    for number in ("559", "calltracking-559"):
        assert found(owner_client, number)[0] == phone
    for number in (str(upload.pk), f"№ {upload.pk}", "1830000777", upload.marker):
        assert found(owner_client, number)[1] == [upload.pk]
    for part in (str(counter.number), counter.name[1:-1].upper(), f"https://{counter.site}/"):
        assert counter.name in found(owner_client, part)[2]
    for nothing in ("", "99999999999", "такого нет", "%"):
        assert found(owner_client, nothing) == ([], [], [])


def test_viewer_finds_by_phone_and_sees_it_masked(viewer_client: Client, cabinet: Cabinet) -> None:
    make_call(cabinet=cabinet, phone="+79161230042")

    masked = ["+7 *** ***-00-42"]
    assert found(viewer_client, "0042")[0] == masked
    assert found(viewer_client, "8 916 123-00-42")[0] == masked
    answer = viewer_client.get(SEARCH, {"q": "30042"})
    assert answer.context["rows"] == []
    assert "по последним 4 цифрам телефона" in answer.content.decode()


def test_queries_do_not_grow_with_what_is_found(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    """Two calls or thirty, one counter or three: at most `MOST_LISTED` are read."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            assert found(owner_client, "1830")[0]
        return len(made)

    def add(calls: int) -> None:
        for _number in range(calls):
            call = make_call(cabinet=cabinet, phone="+79160001830", started_at=timezone.now())
            make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
        factories.make_counter(account=counter.account, name="Окна 1830")

    add(2)
    first = queries()
    add(25)

    assert queries() == first <= 13
    assert len(found(owner_client, "1830")[0]) == 20
