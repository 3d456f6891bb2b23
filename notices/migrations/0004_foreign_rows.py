"""A kind of notice: rows in Metrika that were not sent. Changes no column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0003_report_difference"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="baseline",
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
                    ("foreign_rows", "В Метрике строки, которых мы не отправляли"),
                    ("delayed", "Звонки долго не уходят"),
                    ("expiring_week", "Через неделю звонки опоздают"),
                    ("expiring_days", "Через два дня звонки опоздают"),
                    ("expired", "Звонки опоздали"),
                    ("empty_field", "Источник перестал присылать поле"),
                    ("pull_failed", "Звонки не забираются из CallKeeper"),
                    ("report_difference", "Отчёт Метрики расходится с отправленным"),
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
                    ("foreign_rows", "В Метрике строки, которых мы не отправляли"),
                    ("delayed", "Звонки долго не уходят"),
                    ("expiring_week", "Через неделю звонки опоздают"),
                    ("expiring_days", "Через два дня звонки опоздают"),
                    ("expired", "Звонки опоздали"),
                    ("empty_field", "Источник перестал присылать поле"),
                    ("pull_failed", "Звонки не забираются из CallKeeper"),
                    ("report_difference", "Отчёт Метрики расходится с отправленным"),
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
    ]
