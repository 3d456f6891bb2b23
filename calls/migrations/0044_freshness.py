"""How long calls take until Metrika has accepted them. New, empty tables."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0043_ledger"),
        ("counters", "0011_link_proof"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Freshness",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "day_calls",
                    models.PositiveIntegerField(default=0, verbose_name="Звонков за сутки"),
                ),
                (
                    "day_p50",
                    models.PositiveIntegerField(null=True, verbose_name="Половина за сутки, с"),
                ),
                (
                    "day_p95",
                    models.PositiveIntegerField(null=True, verbose_name="95 % за сутки, с"),
                ),
                (
                    "week_calls",
                    models.PositiveIntegerField(default=0, verbose_name="Звонков за неделю"),
                ),
                (
                    "week_p50",
                    models.PositiveIntegerField(null=True, verbose_name="Половина за неделю, с"),
                ),
                (
                    "week_p95",
                    models.PositiveIntegerField(null=True, verbose_name="95 % за неделю, с"),
                ),
                ("counted_at", models.DateTimeField(verbose_name="Посчитано")),
                (
                    "counter",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="freshness",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "скорость доставки",
                "verbose_name_plural": "скорость доставки",
            },
        ),
        migrations.CreateModel(
            name="DeliveryDelay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                ("bucket", models.PositiveSmallIntegerField(verbose_name="Задержка, ступень")),
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
                "verbose_name": "задержки доставки",
                "verbose_name_plural": "задержки доставки",
                "constraints": [
                    models.UniqueConstraint(fields=("counter", "hour", "bucket"), name="delay_once")
                ],
            },
        ),
    ]
