"""A support user signed in to the admin."""

from __future__ import annotations

from functools import partial

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cabinets.models import CallSource
from counters.models import Counter
from tests import factories
from tests.admin.every_model import CreateAll, create_one_of_each


@pytest.fixture
def support(db: None) -> User:
    return factories.make_user(username="support", is_staff=True, is_superuser=True)


@pytest.fixture
def support_client(support: User) -> Client:
    client = Client()
    client.force_login(support)
    return client


@pytest.fixture
def create_all(counter: Counter, source: CallSource, support: User) -> CreateAll:
    """Create one row of every model each time it is called."""
    return partial(create_one_of_each, cabinet=counter.cabinet, source=source, actor=support)
