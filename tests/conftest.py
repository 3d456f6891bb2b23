"""Actors of the tests: an owner, a manager, a viewer, and a stranger from another cabinet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import Client, RequestFactory, TransactionTestCase, override_settings
from pytest_django import DjangoDbBlocker

from accounts import user_audit
from cabinets.models import Cabinet, CallSource, Membership
from counters.models import Counter
from devtools.launcher.test_servers import OWN_POSTGRES
from integrations.models import YandexAccount
from tests import cleaning, factories, installation, template_database
from tests.faults.databases import end_other_sessions

PUBLIC_HOST = urlsplit(settings.PUBLIC_URL).hostname
post_migrate.connect(installation.adopt_database)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Let the test database be a copy of one that is migrated once a run."""
    # On a server of one's own it would stay behind, for a run of other code.
    if OWN_POSTGRES in os.environ:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = template_database.make()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """pytest-django's test database; ends the sessions that would keep it from being dropped."""
    with mock.patch.object(TransactionTestCase, "_fixture_teardown", cleaning.empty_tables):
        yield
    with django_db_blocker.unblock():
        end_other_sessions()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Half a second of work for each person made would be most of the run."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def unflushed_files() -> Iterator[None]:
    """No machine crashes during a run, and each flush to its disk takes ten milliseconds."""
    with mock.patch.object(os, "fsync"):
        yield


@pytest.fixture(scope="session", autouse=True)
def unrecorded_people() -> Iterator[None]:
    """The people and memberships that tests make themselves are not in the audit trail."""
    with mock.patch.object(user_audit, "RECORD_BY_DEFAULT", False):
        yield


@pytest.fixture(scope="session", autouse=True)
def public_host() -> Iterator[None]:
    """Make the test client request the host of PUBLIC_URL; from another one pages lead there."""
    environ = vars(RequestFactory)["_base_environ"]

    def at_public_host(factory: RequestFactory, **request: Any) -> dict[str, Any]:
        values: dict[str, Any] = environ(factory, **{"SERVER_NAME": PUBLIC_HOST} | request)
        return values

    with mock.patch.object(RequestFactory, "_base_environ", at_public_host):
        yield


@pytest.fixture(scope="session", autouse=True)
def installation_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the mark of the tests in a folder of its own."""
    path = tmp_path_factory.mktemp("installation") / "installation.json"
    with override_settings(INSTALLATION_FILE=path):
        yield


@pytest.fixture(autouse=True)
def installation_marks(installation_file: None) -> None:
    """Let no test find the marks of the test before it."""
    installation.reset_marks()


@pytest.fixture
def cabinet(db: None) -> Cabinet:
    return factories.make_cabinet()


@pytest.fixture
def owner(cabinet: Cabinet) -> User:
    return factories.make_member(cabinet=cabinet, username="owner")


@pytest.fixture
def manager(cabinet: Cabinet) -> User:
    return factories.make_member(cabinet=cabinet, username="manager", role=Membership.Role.MANAGER)


@pytest.fixture
def viewer(cabinet: Cabinet) -> User:
    return factories.make_member(cabinet=cabinet, username="viewer", role=Membership.Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> User:
    return factories.make_member(
        cabinet=factories.make_cabinet(name="Клиника Урал"), username="stranger"
    )


@pytest.fixture
def source(cabinet: Cabinet) -> CallSource:
    return factories.make_source(cabinet=cabinet)


@pytest.fixture
def account(cabinet: Cabinet) -> YandexAccount:
    return factories.make_account(cabinet=cabinet)


@pytest.fixture
def counter(account: YandexAccount) -> Counter:
    return factories.make_counter(account=account)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner_client(owner: User) -> Client:
    return _signed_in(owner)


@pytest.fixture
def viewer_client(viewer: User) -> Client:
    return _signed_in(viewer)


@pytest.fixture
def stranger_client(stranger: User) -> Client:
    return _signed_in(stranger)
