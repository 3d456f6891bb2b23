"""Counters whose waiting calls are decided again in the background. A new, empty table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0022_unknown_file_per_counter"),
        ("counters", "0005_unlinked_and_subdomains"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Redecision",
            fields=[
                (
                    "counter",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="redecision",
                        serialize=False,
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Начат")),
                ("total", models.PositiveIntegerField(null=True, verbose_name="Всего")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="Пересчитано")),
                ("reached_at", models.DateTimeField(editable=False, null=True)),
                ("reached_call", models.BigIntegerField(editable=False, null=True)),
                ("moved_at", models.DateTimeField(null=True, verbose_name="Последний шаг")),
            ],
            options={
                "verbose_name": "пересчёт",
                "verbose_name_plural": "пересчёты",
            },
        ),
    ]
