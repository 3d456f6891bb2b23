"""A database of version 0.1.0 is migrated without a step by hand, and its delivery goes on."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from calls.delivery import batching, look, lookup, sending
from calls.models import Delivery, Upload
from calls.states import DeliveryState, UploadState
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import installation
from tests.calls.conftest import metrika, sandbox
from tests.calls.sandbox_world import rows_in_metrika
from tests.devtools.sandbox.actor import Actor
from tests.paths import PAYLOADS

__all__ = ["metrika", "sandbox"]

DUMP = PAYLOADS / "database" / "0.1.0.sql.gz"
#: A minute after the last call of the dump.
DUMPED_AT = datetime(2026, 11, 28, 2, 2, tzinfo=UTC)
#: Past the three lookups of a lost upload, the last one after UNCLEAR_GRACE_SECONDS.
LOOKED_UP = [timedelta(minutes=6 * number) for number in range(6)]
HELD_FOR = timedelta(hours=5)
#: The call whose identifier 0.1.0 could not read, and sent as a static one.
MISREAD = "399"
COPIED_CALL = f"""
INSERT INTO public.calls_call
SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', (SELECT max(id) + 1 FROM public.calls_call), 'external_id', '{MISREAD}',
    'kind', 'static', 'client_id', '', 'yclid', '', 'user_id', '',
    'raw', (one.raw - ARRAY['callType', 'isStatic', 'yclid', 'userId', 'user_id', 'callPage',
                            'entryPointQuery']) || '{{"yaClid": "1,71803E+18"}}'))).*
FROM public.calls_call AS one WHERE external_id = '300'
"""
ITS_DELIVERIES = f"""
INSERT INTO public.calls_delivery
SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', (SELECT max(id) FROM public.calls_delivery) + row_number() OVER (ORDER BY one.id),
    'call_id', (SELECT id FROM public.calls_call WHERE external_id = '{MISREAD}'),
    'is_static', true, 'id_kind', 1))).*
FROM public.calls_delivery AS one
WHERE call_id = (SELECT id FROM public.calls_call WHERE external_id = '300')
"""


@pytest.fixture
def dumped(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[time_machine.Traveller]:
    """The dump in a database of its own, at the time of the dump."""
    test_database = connection.settings_dict["NAME"]
    name = f"upgrade_{uuid.uuid4().hex}"
    with django_db_blocker.unblock(), time_machine.travel(DUMPED_AT, tick=False) as clock:
        execute(f"CREATE DATABASE {name} TEMPLATE template0")
        use(name)
        try:
            execute(gzip.decompress(DUMP.read_bytes()).decode())
            connection.close()  # the dump empties the search path of its session
            installation.remove_marks()
            yield clock
        finally:
            use(test_database)
            execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.close()


def use(database: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def deliver() -> None:
    look.look_before_send()
    batching.build_uploads(now=datetime.now(UTC))
    sending.send_due(seconds=10)
    lookup.resolve_unclear()


def external_ids(state: int) -> set[str]:
    return set(Delivery.objects.filter(state=state).values_list("call__external_id", flat=True))


def test_delivery_goes_on_after_the_upgrade(
    dumped: time_machine.Traveller,
    sandbox: RunningSandbox,
    metrika: Actor,
    settings: Settings,
) -> None:
    copy_call_with_a_misread_identifier()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("migrate", check_unapplied=True, verbosity=0)
    YandexAccount.objects.update(access_token=metrika.token)
    states_before = {
        UploadState.SENT: 2,
        UploadState.READY: 1,
        UploadState.UNCLEAR: 1,
    }
    assert {
        state: Upload.objects.filter(state=state).count() for state in states_before
    } == states_before
    assert external_ids(DeliveryState.WAITING) == {"300", "301", "302"}
    # What could not be read waits for a person.
    misread = Delivery.objects.filter(call__external_id=MISREAD)
    skipped = {(DeliveryState.SKIPPED, "identifier_unreadable")}
    assert set(misread.values_list("state", "reason")) == skipped

    for later in LOOKED_UP:
        dumped.move_to(DUMPED_AT + later)
        deliver()

    # 100 and 101 were taken before the upgrade; 200 was lost on its way and goes once; 302 is held.
    ids = sent_ids("calls", sandbox)
    assert ids == client_ids("200", "300", "301")
    assert external_ids(DeliveryState.WAITING) == {"302"}

    dumped.move_to(DUMPED_AT + HELD_FOR)
    deliver()

    assert sent_ids("calls", sandbox) == client_ids("200", "300", "301", "302")
    assert sent_ids("goal", sandbox) == client_ids("200", "300", "301", "302")
    assert external_ids(DeliveryState.WAITING) == set()
    assert set(misread.values_list("state", "reason")) == skipped
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.SENT}


def copy_call_with_a_misread_identifier() -> None:
    """Give the database call 300 once more, as 0.1.0 stored one with an unreadable identifier."""
    with connection.cursor() as cursor:
        cursor.execute(COPIED_CALL)
        assert cursor.rowcount == 1
        cursor.execute(ITS_DELIVERIES)
        assert cursor.rowcount > 0
    connection.close()


def sent_ids(channel: str, sandbox: RunningSandbox) -> list[str]:
    return sorted(row["ClientId"] for row in rows_in_metrika(sandbox, channel))


def client_ids(*external_ids: str) -> list[str]:
    rows = Delivery.objects.filter(call__external_id__in=external_ids)
    return sorted(set(rows.values_list("call__client_id", flat=True)))
