"""A difference of its own: calls of a taken-over upload that the database lost. No SQL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0019_month_functions"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="difference",
            name="code",
            field=models.CharField(
                choices=[
                    ("missing_there", "Нашей выгрузки нет в Метрике"),
                    ("arrived_unknown", "Выгрузка есть в Метрике, у нас не отправлена"),
                    ("unknown_marker", "Загрузка с нашей меткой, которой у нас нет"),
                    ("doubled", "Две загрузки с одной меткой"),
                    ("quantity", "Не сходится число строк"),
                    ("status", "Не сходится статус"),
                    ("calls_deliveries", "Не у каждого звонка есть отправки"),
                    ("calls_lost", "В базе нет звонков из этой выгрузки"),
                    ("rows_deliveries", "Строк в выгрузках не столько, сколько отправок"),
                ],
                max_length=24,
                verbose_name="Что не сходится",
            ),
        ),
    ]
