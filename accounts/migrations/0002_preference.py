"""Language, theme and time zone of a person."""

import cabinets.models
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_sessions"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="preference",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Человек",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("ru", "Русский"), ("en", "English")],
                        default="ru",
                        max_length=8,
                        verbose_name="Язык",
                    ),
                ),
                (
                    "theme",
                    models.CharField(
                        choices=[
                            ("system", "Как в системе"),
                            ("light", "Светлая"),
                            ("dark", "Тёмная"),
                        ],
                        default="system",
                        max_length=8,
                        verbose_name="Тема",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=64,
                        validators=[cabinets.models.validate_time_zone],
                        verbose_name="Часовой пояс",
                    ),
                ),
            ],
            options={
                "verbose_name": "предпочтения",
                "verbose_name_plural": "предпочтения",
            },
        ),
    ]
