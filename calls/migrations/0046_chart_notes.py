"""Notes that are to be written on Metrika's charts: a new, empty table."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0044_freshness"),
        ("counters", "0012_chart_notes"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="ChartNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.BigIntegerField(verbose_name="Событие")),
                (
                    "kind",
                    models.CharField(
                        choices=[("settings", "Изменены настройки"), ("stood", "Отправка стояла")],
                        max_length=12,
                        verbose_name="Вид",
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="Начало")),
                ("ends_at", models.DateTimeField(null=True, verbose_name="Конец")),
                ("changed", models.JSONField(default=list, verbose_name="Изменено")),
                ("marker", models.UUIDField(default=uuid.uuid4, verbose_name="Метка")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Ждёт записи"),
                            ("written", "Записано"),
                            ("failed", "Не записано"),
                        ],
                        default="waiting",
                        max_length=12,
                        verbose_name="Состояние",
                    ),
                ),
                (
                    "is_unclear",
                    models.BooleanField(default=False, verbose_name="Возможно, записано"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="Попыток")),
                ("next_at", models.DateTimeField(verbose_name="Следующая попытка")),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="Ошибка"),
                ),
                (
                    "annotation_id",
                    models.BigIntegerField(null=True, verbose_name="Номер в Метрике"),
                ),
                ("written_at", models.DateTimeField(null=True, verbose_name="Записано в")),
                (
                    "counter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chart_notes_queue",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "примечание на графиках",
                "verbose_name_plural": "примечания на графиках",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["next_at"],
                        name="chart_note_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("counter", "event_id"), name="chart_note_once")
                ],
            },
        ),
    ]
