"""An upload and requests that store calls of the same source do not wait for each other."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from cabinets.models import CallSource
from calls.models import Call, ImportState
from calls.ways.imports import files
from tests import factories
from tests.calls.delivery.test_races import in_session
from tests.calls.ingest.storing import store
from tests.calls.ways.imports.conftest import NOW, line, table

pytestmark = pytest.mark.django_db(transaction=True)


def test_requests_are_stored_while_an_upload_begins_and_ends(
    source: CallSource, owner: User
) -> None:
    def stored_meanwhile(number: int) -> bool:
        record = factories.v3_record(universalId=f"u-{number}")
        storing = in_session(lambda: store(source, record))
        storing.join(timeout=60)
        return not storing.is_alive()

    with transaction.atomic():
        writer = files.begin(source, name="calls.csv", actor=owner, now=NOW)
        assert stored_meanwhile(1)
    writer.write(table(line(1)))
    with transaction.atomic():
        made = files.finish(writer, actor=owner)
        assert stored_meanwhile(2)

    assert made.state == ImportState.UPLOADED
    assert Call.objects.count() == 2
