"""An error of one item is logged and passed over; errors that concern all items are raised."""

from __future__ import annotations

import logging

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from calls.runtime.error_isolation import isolated_errors

logger = logging.getLogger(__name__)


def test_an_error_of_one_item_is_logged_and_the_others_are_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = []
    for number in (1, 2, 3):
        with isolated_errors(logger, "upload %s", number):
            if number == 2:
                raise ValueError("of any kind")
            done.append(number)

    assert done == [1, 3]
    assert [record.getMessage() for record in caplog.records] == ["upload 2 is passed over"]


@pytest.mark.parametrize(
    "error", [OperationalError(), SoftTimeLimitExceeded(), SystemExit(), KeyboardInterrupt()]
)
def test_errors_that_concern_all_items_are_raised(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(type(error)), isolated_errors(logger, "upload %s", 1):
        raise error

    assert caplog.records == []
