"""Delivery state 5 (needs attention) was never written and is no choice any more. No SQL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0007_compared_values"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (1, "Ждёт отправки"),
                    (2, "Не отправляется"),
                    (3, "В выгрузке"),
                    (4, "Опоздал"),
                    (6, "Строка не принята"),
                ],
                verbose_name="Состояние",
            ),
        ),
    ]
