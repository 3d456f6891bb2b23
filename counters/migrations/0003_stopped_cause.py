from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Record on the counter that Metrika refuses its uploads, and how many goals it has."""

    dependencies = [("counters", "0002_refused_uploads")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="stopped_cause",
            field=models.CharField(
                blank=True,
                choices=[
                    ("goals_full", "Нет места для целей"),
                    ("in_connect", "Доступом управляет организация"),
                    ("rejecting", "Метрика отклоняет выгрузки"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="Остановлен из-за",
            ),
        ),
        migrations.AddField(
            model_name="counter",
            name="stopped_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Остановлен"),
        ),
        migrations.AddField(
            model_name="counter",
            name="stop_checked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Причина проверена"),
        ),
        migrations.AddField(
            model_name="counter",
            name="goals_total",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="Целей всего"),
        ),
    ]
