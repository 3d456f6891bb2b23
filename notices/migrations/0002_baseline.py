"""What is usual in each hour of the week, and the kinds that compare with it. A new, empty table."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("notices", "0001_notices"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("reconnect_soon", "Скоро понадобится переподключить аккаунт"),
                    ("reconnect", "Аккаунт нужно переподключить"),
                    ("right_lost", "Потеряно право на счетчик"),
                    ("counter_stopped", "Метрика не принимает звонки счетчика"),
                    ("goal_gone", "Цель удалена в Метрике"),
                    ("quota", "Лимит запросов Яндекса"),
                    ("stuck", "Выгрузки требуют внимания"),
                    ("delayed", "Звонки долго не уходят"),
                    ("expiring_week", "Через неделю звонки опоздают"),
                    ("expiring_days", "Через два дня звонки опоздают"),
                    ("expired", "Звонки опоздали"),
                    ("empty_field", "Источник перестал присылать поле"),
                    ("pull_failed", "Звонки не забираются из CallKeeper"),
                    ("inflow_low", "Звонков меньше обычного"),
                    ("inflow_cabinet", "Во всём кабинете мало звонков"),
                    ("source_low", "Источник присылает меньше обычного"),
                    ("skipped_up", "Выросла доля неотправляемых звонков"),
                    ("unreadable_up", "Выросла доля нечитаемых идентификаторов"),
                    ("linked_down", "Упала доля привязанных звонков"),
                    ("refused_up", "Выросла доля отклонённых строк"),
                ],
                max_length=24,
                verbose_name="Вид",
            ),
        ),
        migrations.CreateModel(
            name="Baseline",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reconnect_soon", "Скоро понадобится переподключить аккаунт"),
                            ("reconnect", "Аккаунт нужно переподключить"),
                            ("right_lost", "Потеряно право на счетчик"),
                            ("counter_stopped", "Метрика не принимает звонки счетчика"),
                            ("goal_gone", "Цель удалена в Метрике"),
                            ("quota", "Лимит запросов Яндекса"),
                            ("stuck", "Выгрузки требуют внимания"),
                            ("delayed", "Звонки долго не уходят"),
                            ("expiring_week", "Через неделю звонки опоздают"),
                            ("expiring_days", "Через два дня звонки опоздают"),
                            ("expired", "Звонки опоздали"),
                            ("empty_field", "Источник перестал присылать поле"),
                            ("pull_failed", "Звонки не забираются из CallKeeper"),
                            ("inflow_low", "Звонков меньше обычного"),
                            ("inflow_cabinet", "Во всём кабинете мало звонков"),
                            ("source_low", "Источник присылает меньше обычного"),
                            ("skipped_up", "Выросла доля неотправляемых звонков"),
                            ("unreadable_up", "Выросла доля нечитаемых идентификаторов"),
                            ("linked_down", "Упала доля привязанных звонков"),
                            ("refused_up", "Выросла доля отклонённых строк"),
                        ],
                        max_length=24,
                        verbose_name="Вид",
                    ),
                ),
                ("subject_id", models.BigIntegerField(verbose_name="Номер")),
                (
                    "values",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.FloatField(),
                        default=list,
                        size=None,
                        verbose_name="По часам недели",
                    ),
                ),
                ("dispersion", models.FloatField(default=1.0, verbose_name="Разброс за час")),
                ("day_scatter", models.FloatField(default=0.0, verbose_name="Разброс по дням")),
                (
                    "lag_minutes",
                    models.PositiveIntegerField(default=0, verbose_name="Задержка, мин"),
                ),
                ("counted_at", models.DateTimeField(verbose_name="Посчитано")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "обычные значения",
                "verbose_name_plural": "обычные значения",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("cabinet", "kind", "subject_id"), name="baseline_once"
                    )
                ],
            },
        ),
    ]
