"""«Интеграции» in a browser: the notices stand apart from the heading below them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from calls.states import Attention, UploadState
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery, make_upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("width", [390, 1440])
def test_last_notice_stands_apart_from_the_heading(
    open_browser: OpenBrowser, owner: User, windows: Counter, width: int
) -> None:
    upload = make_upload(
        counter=windows, state=UploadState.NEEDS_ATTENTION, attention=Attention.REJECTED
    )
    make_delivery(call=make_call(cabinet=windows.cabinet), counter=windows, upload=upload)

    person = open_browser(owner, width=width)
    person.page.goto(f"{person.url}/lk/integrations")

    notice = person.page.locator(".alert:visible").last.bounding_box()
    heading = person.page.get_by_role("heading", name="Все категории").bounding_box()
    assert notice is not None
    assert heading is not None
    assert heading["y"] - (notice["y"] + notice["height"]) >= 24
