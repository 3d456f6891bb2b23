"""Sessions in a table that knows whose they are; the tables of django-axes go.

Who is signed in stays so: the rows are copied as they are, and the user is read from their data.
"""

import django.db.models.deletion
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models
from django.utils import timezone

BATCH = 1000
AXES = """
DROP TABLE IF EXISTS axes_accessattemptexpiration, axes_accessattempt, axes_accessfailurelog, axes_accesslog;
DELETE FROM auth_group_permissions WHERE permission_id IN (
    SELECT p.id FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id WHERE t.app_label = 'axes');
DELETE FROM auth_user_user_permissions WHERE permission_id IN (
    SELECT p.id FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id WHERE t.app_label = 'axes');
DELETE FROM auth_permission WHERE content_type_id IN (SELECT id FROM django_content_type WHERE app_label = 'axes');
DELETE FROM django_content_type WHERE app_label = 'axes';
DELETE FROM django_migrations WHERE app = 'axes';
"""


def copy_sessions(apps, schema_editor):
    session, user_session = (
        apps.get_model("sessions", "Session"),
        apps.get_model("accounts", "UserSession"),
    )
    people = set(apps.get_model("auth", "User").objects.values_list("pk", flat=True))
    live = session.objects.filter(expire_date__gt=timezone.now())
    made = []
    for one in live.iterator(chunk_size=BATCH):
        user_id = SessionStore().decode(one.session_data).get("_auth_user_id")
        if user_id is None or int(user_id) not in people:
            continue
        made.append(
            user_session(
                session_key=one.session_key,
                session_data=one.session_data,
                expire_date=one.expire_date,
                user_id=int(user_id),
            )
        )
    user_session.objects.bulk_create(made, batch_size=BATCH)
    session.objects.all().delete()


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="UserSession",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("started_at", models.DateTimeField(null=True, verbose_name="Вход")),
                ("address", models.CharField(blank=True, max_length=45, verbose_name="Адрес")),
                ("browser", models.CharField(blank=True, max_length=200, verbose_name="Браузер")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Человек",
                    ),
                ),
            ],
            options={"verbose_name": "сеанс", "verbose_name_plural": "сеансы"},
        ),
        migrations.RunPython(copy_sessions, migrations.RunPython.noop),
        migrations.RunSQL(AXES, migrations.RunSQL.noop),
    ]
