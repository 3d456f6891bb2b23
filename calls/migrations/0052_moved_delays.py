"""Calls that count in a later hour of the speed of delivery: a new, empty table; a nullable mark."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0051_partly_linked_of_file"),
        ("counters", "0012_chart_notes"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="freshness",
            name="version",
            field=models.PositiveSmallIntegerField(
                editable=False, null=True, verbose_name="Способ подсчёта"
            ),
        ),
        migrations.CreateModel(
            name="MovedDelay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                ("bucket", models.PositiveSmallIntegerField(verbose_name="Задержка, ступень")),
                ("moved_in", models.DateTimeField(verbose_name="Считаются в часе")),
                ("calls", models.PositiveIntegerField(verbose_name="Звонков")),
                (
                    "counter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "перенос задержки доставки",
                "verbose_name_plural": "переносы задержек доставки",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("counter", "hour", "bucket", "moved_in"), name="moved_delay_once"
                    )
                ],
            },
        ),
    ]
