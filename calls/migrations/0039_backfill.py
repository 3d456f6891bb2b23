"""Past calls that people order to be sent by days: two new tables."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0038_bulk_actions"),
        ("counters", "0006_routing_changed_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Backfill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Заказана")),
                ("since", models.DateTimeField(verbose_name="Звонки с")),
                ("until", models.DateTimeField(verbose_name="Звонки по")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("counting", "Считаем звонки"),
                            ("counted", "Посчитано: ждёт вашего решения"),
                            ("sending", "Звонки ставятся в очередь"),
                            ("done", "Готово"),
                            ("stopped", "Остановлено"),
                            ("dropped", "Не начато"),
                        ],
                        max_length=16,
                        verbose_name="Состояние",
                    ),
                ),
                ("calls", models.PositiveIntegerField(null=True, verbose_name="Звонков")),
                ("started_at", models.DateTimeField(null=True, verbose_name="Начата")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="Закончена")),
                ("moved_at", models.DateTimeField(null=True, verbose_name="Последний шаг")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="backfills",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "requested_by",
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
                "verbose_name": "отправка прошлых звонков",
                "verbose_name_plural": "отправки прошлых звонков",
            },
        ),
        migrations.CreateModel(
            name="BackfillCounter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("expected", models.JSONField(default=dict, verbose_name="Посчитано")),
                ("result", models.JSONField(default=dict, verbose_name="Сделано")),
                ("reached_at", models.DateTimeField(editable=False, null=True)),
                ("reached_call", models.BigIntegerField(editable=False, null=True)),
                ("is_over", models.BooleanField(default=False, verbose_name="Пройден")),
                (
                    "backfill",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counters",
                        to="calls.backfill",
                        verbose_name="Отправка прошлых звонков",
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
            ],
            options={
                "verbose_name": "счетчик отправки прошлых звонков",
                "verbose_name_plural": "счетчики отправки прошлых звонков",
            },
        ),
        migrations.AddIndex(
            model_name="backfill",
            index=models.Index(fields=["cabinet", "-id"], name="backfill_by_cabinet"),
        ),
        migrations.AddConstraint(
            model_name="backfill",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("counting", "sending", "counted"))),
                fields=("cabinet",),
                name="backfill_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="backfillcounter",
            constraint=models.UniqueConstraint(
                fields=("backfill", "counter"), name="backfill_counter_once"
            ),
        ),
    ]
