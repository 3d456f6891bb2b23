"""What the tests of bisection share: calls with a bad row, and delivery to its end."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.delivery import batching, bisection, sending
from calls.models import Call, Upload, UploadAttempt
from calls.states import DeliveryState, UploadState
from devtools.sandbox import RunningSandbox
from tests.calls.call_links import calls_of
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import store_call

REFUSED = (DeliveryState.ROW_REFUSED, "refused_by_metrika")


def deliver(*, rounds: int = 200) -> None:
    """Run the steps of delivery until nothing moves any more."""
    for _ in range(rounds):
        now = timezone.now()
        moved = batching.build_uploads(now=now)
        moved += sending.send_due(seconds=60)
        # skips the minute between two checks of a row that was found
        Upload.objects.filter(state=UploadState.SPLITTING).update(not_before=now)
        moved += bisection.isolate_refused(now=timezone.now())
        if not moved:
            return
    raise AssertionError(f"delivery still moves after {rounds} rounds")


def sends() -> int:
    return UploadAttempt.objects.filter(kind=UploadAttempt.Kind.SEND).count()


def many_calls(cabinet: Cabinet, count: int) -> list[Call]:
    """Store calls by one statement, as copies of the first one."""
    first = store_call(cabinet=cabinet, decided=False)
    columns = [str(field.column) for field in Call._meta.fields]
    changed = {
        "id": "k.id",
        "external_id": "k.external_id",
        "client_id": "k.external_id",
        "started_at": "c.started_at - n * interval '1 second'",
    }
    selected = ", ".join(changed.get(name, f"c.{name}") for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH k AS (
                INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
                SELECT c.cabinet_id, (100000 + n)::text, c.partition_at
                FROM calls_call c, generate_series(1, %s) n RETURNING *)
            INSERT INTO calls_call ({", ".join(columns)})
            SELECT {selected}
            FROM calls_call c JOIN k ON k.cabinet_id = c.cabinet_id,
                 LATERAL (SELECT k.external_id::int - 100000 AS n) AS numbered""",
            [count - 1],
        )
    calls = list(Call.objects.filter(cabinet=cabinet).order_by("started_at", "pk"))
    assert len(calls) == count
    assert first in calls
    decide([call.pk for call in calls], now=timezone.now())
    return calls


def poison(call: Call) -> None:
    Call.objects.filter(pk=call.pk).update(tags=["яд"])


def trackers(sandbox: RunningSandbox) -> list[int]:
    rows = rows_in_metrika(sandbox, limit=20_000)
    return calls_of(row["CallTrackerURL"] for row in rows)
