"""A counter with one sent call, and the URLs of the pages about it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

PHONE = "+79161231234"
BODY = b"ClientId,PhoneNumber\r\n1,+79161231234\r\n=2,\xd0\xb0\r\n"


@pytest.fixture
def urls(counter: Counter) -> dict[str, str]:
    """Store one sent call and return the URL of each page about it."""
    call = make_call(cabinet=counter.cabinet, phone=PHONE)
    upload = make_upload(counter=counter, body=BODY, rows=2)
    make_delivery(call=call, counter=counter, upload=upload)
    return {
        "history": reverse("calls:history", args=[counter.pk]),
        "journey": reverse("calls:journey", args=[call.pk]),
        "upload": reverse("calls:upload", args=[upload.pk]),
        "upload-csv": reverse("calls:upload-csv", args=[upload.pk]),
    }
