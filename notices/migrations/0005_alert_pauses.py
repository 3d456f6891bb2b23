"""Pauses of the alerts by baseline. Adds a table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("counters", "0012_chart_notes"),
        ("notices", "0004_foreign_rows"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="AlertPause",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField(verbose_name="С")),
                ("last_day", models.DateField(verbose_name="По")),
                ("note", models.CharField(max_length=120, verbose_name="Почему")),
                ("created_at", models.DateTimeField(verbose_name="Создана")),
                (
                    "ended_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончена раньше"),
                ),
                (
                    "cabinet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_pauses",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "пауза проверок",
                "verbose_name_plural": "паузы проверок",
            },
        ),
    ]
