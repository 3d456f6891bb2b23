"""The key of a call, which names it in Metrika: its SQL, its index and its page."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.urls import resolve, reverse

from cabinets.models import Cabinet
from calls.call_key import call_key_of_many_sql, call_key_sql
from calls.models import Call, CallKey
from tests.calls.call_links import key_of
from tests.calls.ledger import make_call

#: External ids as senders may write them, with what a cast to bytea would read as an escape.
ODD_IDS = ("2342342343400001", "звонок №1", r"a\b", r"\\", r"\x41", "\\101", "o'clock", "а\u0301 é")


def keys(table: str, key_sql: Callable[[str], str] = call_key_sql) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key_sql('row')} FROM {table} row ORDER BY row.id")
        return [key for (key,) in cursor.fetchall()]


def page(client: Client, key: str) -> int:
    return client.get(reverse("calls:call-by-key", args=[key])).status_code


def test_key_is_the_hash_of_cabinet_and_external_id_whatever_its_characters(
    cabinet: Cabinet,
) -> None:
    for external_id in ODD_IDS:
        make_call(cabinet=cabinet, external_id=external_id)

    expected = [key_of(cabinet.pk, external_id) for external_id in ODD_IDS]
    assert keys("calls_callkey") == keys("calls_call") == expected
    assert keys("calls_call", call_key_of_many_sql) == expected
    assert len(set(expected)) == len(ODD_IDS)


def test_call_of_a_key_is_found_by_the_index(cabinet: Cabinet) -> None:
    call = make_call(cabinet=cabinet)
    make_call(cabinet=cabinet)
    found = CallKey.objects.with_key(key_of(cabinet.pk, call.external_id))

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "call_by_key" in found.explain()
    assert found.get().pk == call.pk


def test_page_of_a_key_shows_the_call_like_the_page_of_its_number(
    owner_client: Client, cabinet: Cabinet
) -> None:
    call = make_call(cabinet=cabinet)

    by_key = owner_client.get(f"/lk/integrations/calls/{key_of(cabinet.pk, call.external_id)}")
    by_number = owner_client.get(f"/lk/integrations/calls/{call.pk}")

    assert by_key.status_code == by_number.status_code == 200
    assert call.external_id in by_key.content.decode()
    assert by_key.context["call"] == by_number.context["call"]


def test_key_of_decimal_digits_only_is_not_read_as_a_number() -> None:
    assert resolve(f"/lk/integrations/calls/{'1' * 32}").url_name == "call-by-key"
    assert resolve(f"/lk/integrations/calls/{'1' * 19}").url_name == "journey"


def test_page_of_a_key_needs_a_person_of_the_cabinet(
    client: Client, stranger_client: Client, cabinet: Cabinet
) -> None:
    call = make_call(cabinet=cabinet)
    key = key_of(cabinet.pk, call.external_id)

    assert page(stranger_client, key) == 404
    assert page(client, key) == 302


def test_number_that_a_restored_database_gives_again_leads_no_key_to_another_call(
    owner_client: Client, cabinet: Cabinet
) -> None:
    lost = make_call(cabinet=cabinet, external_id="lost")
    key = key_of(cabinet.pk, "lost")
    Call.objects.filter(pk=lost.pk).delete()
    CallKey.objects.filter(pk=lost.pk).update(external_id="another")

    assert page(owner_client, key) == 404
