"""The database role of the web server and the workers: it reads and writes rows, and owns nothing.

Migrations run as the owner of the tables, and so does what gives the rights. See
docs/operations.md, «Database roles».
"""

from __future__ import annotations

from django.db import connection, transaction
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

#: Written once and never changed.
APPEND_ONLY = ("cabinets_auditevent", "django_admin_log")
#: Written by migrations only.
READ_ONLY = ("auth_permission", "django_content_type", "django_migrations")

# Of the schema and the database everybody may use as little as the role.
_OF_EVERYBODY = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC;
"""
_GRANTS = """
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role};
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
REVOKE UPDATE, DELETE ON {append_only} FROM {role};
REVOKE INSERT, UPDATE, DELETE ON {read_only} FROM {role};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role};
"""
_STRONG = """
SELECT rolname = current_user OR rolsuper OR pg_has_role(rolname, current_user, 'MEMBER')
    OR EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid)
FROM pg_roles WHERE rolname = %s
"""


class RoleTooStrong(Exception):
    """The role owns tables, or may do what their owner may: rights given to it mean nothing."""


@transaction.atomic
def grant(role: str, password: str) -> None:
    """Make the role if it is missing, set its password, and give it exactly the rights it needs.

    Run by the owner of the tables after every migration: new tables are not the role's before.
    Raises RoleTooStrong.
    """
    _make(role)
    _refuse_strong(role)
    with connection.cursor() as cursor:
        # Hashed here, so that no log of the server has the password.
        hashed = encrypt_password(password, role, cursor.connection, "scram-sha-256")
        cursor.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(hashed)
            )
        )
        cursor.execute(
            sql.SQL(_OF_EVERYBODY + _GRANTS).format(
                role=sql.Identifier(role),
                database=sql.Identifier(str(connection.settings_dict["NAME"])),
                append_only=_tables(APPEND_ONLY),
                read_only=_tables(READ_ONLY),
            )
        )


def _make(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


def _refuse_strong(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STRONG, [role])
        if cursor.fetchone()[0]:
            raise RoleTooStrong(role)


def _tables(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
