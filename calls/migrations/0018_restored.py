"""Files that a restored database does not know. A change of the catalogue only."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0017_listings"),
        ("counters", "0005_unlinked_and_subdomains"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="RestoreRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="Начата")),
                ("cause", models.CharField(max_length=16, verbose_name="Причина")),
                ("mark_at", models.DateTimeField(verbose_name="Последняя отправка")),
                ("sequences_at", models.DateTimeField(null=True, verbose_name="Номера сдвинуты")),
                (
                    "uploads_at",
                    models.DateTimeField(null=True, verbose_name="Выгрузки поставлены на проверку"),
                ),
                ("listing_at", models.DateTimeField(null=True, verbose_name="Списки читаются с")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="Отправка разрешена")),
                (
                    "doubted_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        size=None,
                        verbose_name="Под вопросом",
                    ),
                ),
                ("numbers", models.JSONField(default=dict, verbose_name="Итог")),
            ],
            options={
                "verbose_name": "восстановление базы",
                "verbose_name_plural": "восстановления базы",
            },
        ),
        migrations.AddField(
            model_name="upload",
            name="taken_over_at",
            field=models.DateTimeField(null=True, verbose_name="Восстановлена по списку Метрики"),
        ),
        migrations.AlterField(
            model_name="upload",
            name="attention",
            field=models.CharField(
                blank=True,
                choices=[
                    ("rejected", "Метрика отклонила файл"),
                    ("damaged", "Файл выгрузки повреждён"),
                    ("unknown_fate", "Неизвестно, дошла ли"),
                    ("row_refused", "Приняты не все строки"),
                    ("quantity", "Метрика насчитала больше строк, чем отправлено"),
                    ("no_outcome", "Метрика не сообщила итог"),
                    ("duplicate", "В Метрике две такие выгрузки"),
                    ("overdue", "Метрика обрабатывает дольше двух суток"),
                    ("counter_removed", "Счетчик удалён из кабинета"),
                    ("expired", "Прошёл 21 день со звонка"),
                    ("split", "Разделена: Метрика отклонила файл целиком"),
                    ("too_large", "Файл слишком велик для Метрики"),
                    ("quarantined", "Слишком много отклонённых файлов за день"),
                    ("goal_gone", "Цель удалена в Метрике"),
                    ("gathered_anew", "Собрана заново: часть звонков опоздала"),
                    ("sent_before", "Отменена: звонки могли уйти раньше"),
                    ("called_off", "Отменена человеком"),
                ],
                max_length=20,
                verbose_name="Причина",
            ),
        ),
        migrations.CreateModel(
            name="SentBefore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Звонки"), (2, "Цель")], verbose_name="Канал"
                    ),
                ),
                ("call_key", models.CharField(max_length=32, verbose_name="Ключ звонка")),
                ("call_revision", models.PositiveIntegerField(verbose_name="Версия звонка")),
                ("row_number", models.PositiveIntegerField(verbose_name="Строка")),
                (
                    "counter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "held_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calls.upload",
                        verbose_name="В другой выгрузке",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sent_before",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "отправленная строка без звонка",
                "verbose_name_plural": "отправленные строки без звонков",
                "indexes": [models.Index(fields=["call_key"], name="sent_before_by_key")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("upload", "row_number"), name="sent_before_once"
                    )
                ],
            },
        ),
    ]
