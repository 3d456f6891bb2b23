"""Fixtures of the tests of sources."""

from __future__ import annotations

import pytest

from cabinets.models import CallSource, SigningSecret
from tests.cabinets.source_pages import SECOND


@pytest.fixture
def two_secrets(source: CallSource) -> list[SigningSecret]:
    """The old one and the new one."""
    new = SigningSecret.objects.create(source=source, slot=2, secret=SECOND)
    return [source.signing_secrets.get(slot=1), new]
