"""The control API of the sandbox, and uploads sent to it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.models import Upload
from devtools.sandbox import RunningSandbox
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import COUNTER, control


def rows_in_metrika(
    sandbox: RunningSandbox, channel: str = "calls", *, limit: int = 1000
) -> list[dict[str, str]]:
    """Return every row that the sandbox accepted for the linked counter."""
    rows: list[dict[str, str]] = control(
        sandbox, f"rows?counter={COUNTER}&channel={channel}&limit={limit}"
    )["rows"]
    return rows


def fault(sandbox: RunningSandbox, name: str, **details: Any) -> None:
    """Switch a fault on, by default for one request."""
    control(sandbox, "faults", name=name, **{"times": 1} | details)


def build_and_send() -> Upload:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    return Upload.objects.get()


def list_requests(sandbox: RunningSandbox) -> int:
    """Return how many requests for lists of uploadings the sandbox received."""
    counts = control(sandbox, "requests?last=0")["counts"]
    lists = [one for one in counts if one["method"] == "GET" and "uploadings" in one["path"]]
    return sum(one["count"] for one in lists)


def send_call(cabinet: Cabinet) -> Upload:
    """Store a call and send it; return its upload."""
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=10)
    return Upload.objects.select_related("counter__account").latest("pk")
