"""Adds sources whose calls are pulled from CallKeeper: the key, the position, the outcome."""

import cabinets.sealing
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0032_ways_in"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="PullSource",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="pull",
                        serialize=False,
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
                ("api_key", cabinets.sealing.SealedTextField(verbose_name="Ключ API")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Забирает звонки"),
                            ("paused", "На паузе"),
                            ("wrong_key", "Ключ не подходит"),
                        ],
                        default="active",
                        max_length=10,
                        verbose_name="Состояние",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="Создан")),
                ("pull_from", models.DateTimeField(verbose_name="Звонки начиная с")),
                ("pulled_until", models.DateTimeField(verbose_name="Забрано до")),
                (
                    "reread_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Перечитано"),
                ),
                ("window_from", models.DateTimeField(editable=False, null=True)),
                ("window_to", models.DateTimeField(editable=False, null=True)),
                ("is_reread", models.BooleanField(default=False, editable=False)),
                ("page", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "page_digest",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                ("lease", models.CharField(blank=True, default="", editable=False, max_length=32)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("next_at", models.DateTimeField(verbose_name="Следующий запрос")),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="Ошибок подряд"),
                ),
                (
                    "run_started_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Начат"),
                ),
                (
                    "run_ended_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончен"),
                ),
                ("run_received", models.PositiveIntegerField(default=0, verbose_name="Записей")),
                ("run_created", models.PositiveIntegerField(default=0, verbose_name="Новых")),
                ("run_updated", models.PositiveIntegerField(default=0, verbose_name="Изменённых")),
                (
                    "run_rejected",
                    models.PositiveIntegerField(default=0, verbose_name="Отклонённых"),
                ),
                (
                    "error_code",
                    models.CharField(blank=True, default="", max_length=40, verbose_name="Ошибка"),
                ),
                (
                    "error_text",
                    models.CharField(
                        blank=True, default="", max_length=300, verbose_name="Ответ CallKeeper"
                    ),
                ),
                (
                    "error_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Время ошибки"),
                ),
            ],
            options={
                "verbose_name": "загрузка из CallKeeper",
                "verbose_name_plural": "загрузки из CallKeeper",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("window_from", None), ("window_to", None)),
                            models.Q(("window_from__isnull", False), ("window_to__isnull", False)),
                            _connector="OR",
                        ),
                        name="pull_window_has_both_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "paused", "wrong_key"])),
                        name="pull_state_known",
                    ),
                ],
            },
        ),
    ]
