"""One item's trouble is passed over; what concerns all of them is not."""

from __future__ import annotations

import logging

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from calls.runtime.error_isolation import isolated_errors

logger = logging.getLogger(__name__)


def test_the_trouble_of_one_item_is_logged_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = []
    for number in (1, 2, 3):
        with isolated_errors(logger, "upload %s", number):
            if number == 2:
                raise ValueError("of a kind nobody thought of")
            done.append(number)

    assert done == [1, 3]
    assert [record.getMessage() for record in caplog.records] == ["upload 2 is passed over"]


@pytest.mark.parametrize(
    "trouble", [OperationalError(), SoftTimeLimitExceeded(), SystemExit(), KeyboardInterrupt()]
)
def test_what_concerns_all_items_ends_the_work(
    trouble: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(type(trouble)), isolated_errors(logger, "upload %s", 1):
        raise trouble

    assert caplog.records == []
