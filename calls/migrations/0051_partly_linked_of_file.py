"""The words of a state: «Принят, привязаны не все» is of the file, and says so. No SQL of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0050_days_of_all_hours"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="deliveryday",
            name="shown",
            field=models.CharField(
                choices=[
                    ("waiting", "Ждёт отправки"),
                    ("held", "Отложен"),
                    ("awaits_settings", "Ждёт настроек"),
                    ("awaits_goal", "Ждёт другой цели"),
                    ("batched", "В очереди на отправку"),
                    ("unclear", "Проверяем, дошёл ли"),
                    ("sent", "Отправлен"),
                    ("accepted", "Принят, привязан"),
                    ("partly_linked", "Принят, в файле привязаны не все"),
                    ("link_unknown", "Принят, привязка неизвестна"),
                    ("accepted_static", "Принят, непривязанный"),
                    ("unmatched", "Принят, визит не найден"),
                    ("partly_accepted", "Приняты не все строки"),
                    ("row_refused", "Строка не принята"),
                    ("not_finished", "Ждёт итога"),
                    ("skipped", "Не отправляется"),
                    ("expired", "Опоздал"),
                    ("needs_decision", "Ждёт вашего решения"),
                    ("needs_attention", "Требует внимания"),
                ],
                max_length=20,
                verbose_name="Показано",
            ),
        ),
        migrations.AlterField(
            model_name="deliverysummary",
            name="shown",
            field=models.CharField(
                choices=[
                    ("waiting", "Ждёт отправки"),
                    ("held", "Отложен"),
                    ("awaits_settings", "Ждёт настроек"),
                    ("awaits_goal", "Ждёт другой цели"),
                    ("batched", "В очереди на отправку"),
                    ("unclear", "Проверяем, дошёл ли"),
                    ("sent", "Отправлен"),
                    ("accepted", "Принят, привязан"),
                    ("partly_linked", "Принят, в файле привязаны не все"),
                    ("link_unknown", "Принят, привязка неизвестна"),
                    ("accepted_static", "Принят, непривязанный"),
                    ("unmatched", "Принят, визит не найден"),
                    ("partly_accepted", "Приняты не все строки"),
                    ("row_refused", "Строка не принята"),
                    ("not_finished", "Ждёт итога"),
                    ("skipped", "Не отправляется"),
                    ("expired", "Опоздал"),
                    ("needs_decision", "Ждёт вашего решения"),
                    ("needs_attention", "Требует внимания"),
                ],
                max_length=20,
                verbose_name="Показано",
            ),
        ),
    ]
