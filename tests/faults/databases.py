"""Points Django's connection of this process at another database."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from django.contrib.contenttypes.models import ContentType
from django.db import connection


def use_database(url: str) -> str:
    """Use the database of a DATABASE_URL from the next query on; return the former one's URL."""
    former = database_url()
    known, parts = connection.settings_dict, urlsplit(url)
    connection.close()
    known["USER"], known["PASSWORD"] = unquote(parts.username or ""), unquote(parts.password or "")
    known["HOST"], known["PORT"] = parts.hostname, parts.port
    known["NAME"] = parts.path.removeprefix("/")
    # Its numbers differ from database to database.
    ContentType.objects.clear_cache()
    return former


def database_url() -> str:
    """Return the address of the database in use; of a test that is not the environment's."""
    known = connection.settings_dict
    credentials = f"{known['USER']}:{known['PASSWORD']}"
    return f"postgres://{credentials}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


def end_other_sessions() -> None:
    """End the sessions of killed processes, which PostgreSQL may still be closing; wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
