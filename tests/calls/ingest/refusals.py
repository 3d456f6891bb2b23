"""Assertions about refused requests."""

from __future__ import annotations

from typing import Any

from calls.models import Call, CallKey, Delivery, IngestReceipt

OTHER_SECRET = "whsec_cm90YXRlZC1zZWNyZXQtb2YtMjQtYnl0ZXM="


def assert_nothing_stored() -> None:
    assert CallKey.objects.count() == Call.objects.count() == Delivery.objects.count() == 0
    assert IngestReceipt.objects.count() == 0


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
    assert_nothing_stored()
