"""The database role of the web server and the workers: it does the whole job, and owns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone
from psycopg2.errors import InsufficientPrivilege
from pytest_django import Settings

from cabinets import audit
from cabinets.models import AuditEvent, Cabinet, CallSource, SigningSecret
from callkeeper_metrika.celery import app
from callkeeper_metrika.schedule import SCHEDULE
from calls.models import Call, Delivery, Reconciliation, Upload
from calls.runtime import partitions
from calls.runtime.sequences import advance_beyond
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from devtools.demonstration.cabinet import set_up as set_up_demonstration
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.conftest import clock as clock
from tests.calls.conftest import sandbox as sandbox
from tests.calls.posting import post_calls
from tests.calls.runtime.months import AHEAD, DECEMBER, all_partitions, partitions_with
from tests.calls.stored import store_call
from tests.integrations.conftest import yandex_id as yandex_id
from tests.site import address, routes, set_up

PASSWORD = "a password, with 'quotes' and a %"

#: What the role may not do: each with a part of PostgreSQL's refusal.
REFUSED = [
    ("UPDATE cabinets_auditevent SET action = ''", "permission denied for table cabinets_auditev"),
    ("DELETE FROM cabinets_auditevent", "permission denied for table cabinets_auditevent"),
    ("TRUNCATE cabinets_auditevent", "permission denied for table cabinets_auditevent"),
    ("ALTER TABLE cabinets_auditevent DISABLE TRIGGER ALL", "must be owner of table"),
    ("DROP TRIGGER audit_append_only ON cabinets_auditevent", "must be owner of relation"),
    ("UPDATE django_admin_log SET change_message = ''", "permission denied for table"),
    ("DELETE FROM django_migrations", "permission denied for table django_migrations"),
    ("INSERT INTO auth_permission (name) VALUES ('')", "permission denied for table"),
    ("TRUNCATE calls_callkey", "permission denied for table calls_callkey"),
    ("DROP TABLE calls_call", "must be owner of table calls_call"),
    ("ALTER TABLE calls_call DROP COLUMN raw", "must be owner of table calls_call"),
    ("CREATE TABLE own (id int)", "permission denied for schema public"),
    ("CREATE TEMPORARY TABLE own (id int)", "permission denied to create temporary tables"),
    ("CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'SELECT 1'", "permission denied for sch"),
    ("CREATE ROLE own", "permission denied to create role"),
    ("SELECT calls_create_month('auth_user', '2020-01-01')", "no month of the ledger"),
    ("SELECT calls_drop_month('2020-01-02')", "no month of the ledger"),
    ("SELECT calls_attach_month('calls_call', '2020-01-02')", "no month of the ledger"),
]


def execute(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def grant(settings: Settings, role: str, password: str = "secret") -> None:
    user = f"{role}:{password}" if password else role
    settings.APP_DATABASE_URL = f"postgres://{user}@db:5432/callkeeper"
    call_command("grant_app_role", verbosity=0)


@pytest.fixture
def role(db: None) -> str:
    """A name of its own for each database: roles belong to the whole server."""
    return f"app_of_{connection.settings_dict['NAME']}"


@pytest.fixture
def app_role(role: str, settings: Settings) -> str:
    """Do everything as the role from here on; the end of the transaction forgets it."""
    grant(settings, role)
    execute(f"SET ROLE {role}")
    return role


@pytest.mark.parametrize(("statement", "refusal"), REFUSED)
def test_role_changes_no_history_and_no_structure(
    app_role: str, cabinet: Cabinet, statement: str, refusal: str
) -> None:
    audit.log_change(cabinet=cabinet, actor=None, action="test", subject=cabinet)
    before = list(AuditEvent.objects.values())

    with pytest.raises(Exception, match=refusal), transaction.atomic():
        execute(statement)

    assert list(AuditEvent.objects.values()) == before
    assert len(before) == 1


def test_role_owns_nothing(app_role: str) -> None:
    assert execute("SELECT current_user::text") == [(app_role,)]
    assert execute("SELECT relname FROM pg_class WHERE relowner = current_user::regrole") == []
    assert execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles"
        " WHERE rolname = current_user"
    ) == [(False, False, False, False)]


def test_role_makes_months_and_moves_misfiled_rows(
    app_role: str, cabinet: Cabinet, counter: Counter
) -> None:
    with time_machine.travel(DECEMBER, tick=False):
        call = store_call(cabinet=cabinet, started_at=DECEMBER)
        assert partitions_with(Call) == {"calls_call_default"}

        made = partitions.keep_up(now=DECEMBER)

        assert set(made) == set(AHEAD) <= all_partitions()
        assert partitions_with(Call) == {f"calls_call_{DECEMBER:%Y_%m}"}
        next_month = store_call(cabinet=cabinet, started_at=DECEMBER + timedelta(days=15))
    owners = execute(
        "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class WHERE relname = ANY (%s)",
        [*made, "calls_call"],
    )
    assert len(owners) == 1
    assert Delivery.objects.filter(call__in=[call, next_month]).count() == 2


def test_role_does_the_whole_job(
    app_role: str,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    cabinet: Cabinet,
    owner: User,
    source: CallSource,
) -> None:
    """Link, choose counters, take calls in, send, read results, compare: all tasks of beat."""
    counters = set_up_demonstration(
        cabinet=cabinet, user=owner, since=timezone.now() - timedelta(days=1)
    )
    Counter.objects.update(site_mode=Counter.SiteMode.ALL, defer_value=0)
    record = factories.v3_record()
    answers = [post_calls(one, source=source) for one in (record, record | {"tags": ["новый"]})]
    for _round in range(3):
        run_every_task()
        clock.shift(timedelta(hours=2))

    results = [answer.json()["results"][0]["status"] for answer in answers]
    assert (len(counters), results) == (5, ["created", "updated"])
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.PROCESSED}
    sent = Delivery.objects.filter(state=DeliveryState.BATCHED)
    assert sent.count() == 6
    assert Reconciliation.objects.exists()
    assert AuditEvent.objects.exists()


def run_every_task() -> None:
    """Run the tasks of beat; a statement that the role may not execute is an error of the test."""
    app.loader.import_default_modules()
    for entry in SCHEDULE.values():
        app.tasks[entry["task"]]()


def test_role_serves_every_page(
    app_role: str, counter: Counter, owner_client: Client, yandex_id: Any
) -> None:
    things = set_up(counter)
    things["secret_pk"] = SigningSecret.objects.latest("pk").pk
    refused: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except ProgrammingError as error:
            refused.append(f"{error}: {sql[:200]}")
            raise

    with connection.execute_wrapper(note):
        for name, route in routes():
            for method in ("get", "post"):
                client = Client() if name == "logout" else owner_client
                answer = getattr(client, method)(address(name, route, things))
                assert answer.status_code < 500 or name == "readyz"

    assert refused == []


def test_support_signs_in_and_works_as_the_role(app_role: str, cabinet: Cabinet) -> None:
    User.objects.create_superuser("root", password="correct horse battery")
    client = Client()
    form = {"username": "root", "password": "correct horse battery"}
    assert client.post("/admin/login/?next=/admin/", form).status_code == 302
    url = f"/admin/cabinets/cabinet/{cabinet.pk}/change/"
    assert client.get(url).status_code == 200

    answer = client.post(url, {"name": "Окна", "time_zone": "Asia/Omsk", "is_demo": ""})

    assert answer.status_code == 302
    cabinet.refresh_from_db()
    assert (cabinet.name, cabinet.time_zone) == ("Окна", "Asia/Omsk")
    client.post("/admin/logout/")


def test_new_table_is_the_roles_after_the_next_grant(role: str, settings: Settings) -> None:
    grant(settings, role)
    execute("CREATE TABLE later (id serial)")
    rights = "SELECT has_table_privilege(%s, 'later', 'INSERT')"
    assert execute(rights, role) == [(False,)]

    grant(settings, role)

    assert execute(rights, role) == [(True,)]
    execute(f"SET LOCAL ROLE {role}")
    execute("INSERT INTO later DEFAULT VALUES")
    advance_beyond("later", 500)
    assert execute("INSERT INTO later DEFAULT VALUES RETURNING id") == [(501,)]


@pytest.mark.parametrize("case", ["owner", "superuser", "member", "table"])
def test_role_that_is_too_strong_is_refused(role: str, settings: Settings, case: str) -> None:
    (owner,) = execute("SELECT current_user::text")[0]
    named = owner if case == "owner" else role
    if case != "owner":
        execute(f"CREATE ROLE {role} {'SUPERUSER' if case == 'superuser' else ''}")
    if case == "member":
        execute(f"GRANT {owner} TO {role}")
    if case == "table":
        execute(f"CREATE TABLE own (id int); ALTER TABLE own OWNER TO {role}")

    with pytest.raises(CommandError, match=f"{named} owns tables, is a superuser or a member"):
        grant(settings, named)


@pytest.mark.parametrize("url", ["", "postgres://db/x", "postgres://name@db/x"])
def test_role_without_a_password_is_refused(db: None, settings: Settings, url: str) -> None:
    settings.APP_DATABASE_URL = url

    with pytest.raises(CommandError, match="APP_DATABASE_URL is not set"):
        call_command("grant_app_role", verbosity=0)


@pytest.fixture
def committed_role(transactional_db: None, settings: Settings) -> Iterator[str]:
    name = f"login_of_{connection.settings_dict['NAME']}"
    grant(settings, name, "a%20b%25c%27d")
    yield name
    execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_role_signs_in_with_its_password(committed_role: str) -> None:
    cabinet = factories.make_cabinet()
    given = connection.get_connection_params()
    given = {name: given[name] for name in ("host", "port", "dbname")}
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**given, user=committed_role, password="other")

    session = psycopg2.connect(**given, user=committed_role, password="a b%c'd")
    try:
        with session, session.cursor() as cursor:
            cursor.execute(
                "INSERT INTO cabinets_auditevent"
                " (cabinet_id, action, object_type, object_id, before, after, at)"
                " VALUES (%s, 'test', '', '', '{}', '{}', now())",
                [cabinet.pk],
            )
        with pytest.raises(InsufficientPrivilege), session, session.cursor() as cursor:
            cursor.execute("DELETE FROM cabinets_auditevent")
    finally:
        session.close()
    assert AuditEvent.objects.count() == 1
