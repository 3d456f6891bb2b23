"""Calls that are not sent by themselves, and orders to send them. A change of the catalogue only."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0030_drop_month"),
        ("counters", "0006_routing_changed_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="call",
            name="hold_back",
            field=models.SmallIntegerField(
                blank=True,
                choices=[(1, "Загружен без отправки"), (2, "Пробный")],
                null=True,
                verbose_name="Сам не отправляется",
            ),
        ),
        migrations.CreateModel(
            name="HeldBackOrder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ordered_at", models.DateTimeField(verbose_name="Заказана")),
                (
                    "call",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="held_back_orders",
                        to="calls.call",
                        verbose_name="Звонок",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "ordered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем заказана",
                    ),
                ),
            ],
            options={
                "verbose_name": "отправка задержанного звонка",
                "verbose_name_plural": "отправки задержанных звонков",
                "constraints": [
                    models.UniqueConstraint(fields=("call", "counter"), name="held_back_order_once")
                ],
            },
        ),
    ]
