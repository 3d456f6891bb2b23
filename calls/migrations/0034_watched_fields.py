"""Which fields the records of sources have. New, empty tables."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0033_pull_source"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="EmptyField",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(max_length=64, verbose_name="Поле")),
                ("since", models.DateTimeField(verbose_name="С")),
                ("counted_at", models.DateTimeField(verbose_name="Посчитано")),
                ("calls", models.PositiveIntegerField(verbose_name="Звонков")),
                ("empty", models.PositiveIntegerField(verbose_name="Из них пусто")),
                ("calls_before", models.PositiveIntegerField(verbose_name="Звонков раньше")),
                ("empty_before", models.PositiveIntegerField(verbose_name="Из них было пусто")),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="empty_fields",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "опустевшее поле",
                "verbose_name_plural": "опустевшие поля",
                "constraints": [
                    models.UniqueConstraint(fields=("source", "field"), name="empty_field_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="WatchedHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                ("first_call", models.BigIntegerField(verbose_name="Первый звонок")),
                ("last_call", models.BigIntegerField(verbose_name="Последний звонок")),
                ("calls", models.PositiveIntegerField(verbose_name="Звонков")),
                ("filled", models.JSONField(verbose_name="Заполнено")),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watched_hours",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "поля записей за час",
                "verbose_name_plural": "поля записей по часам",
                "indexes": [models.Index(fields=["hour"], name="watched_hour_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "hour"), name="watched_hour_once")
                ],
            },
        ),
    ]
