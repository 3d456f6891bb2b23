"""When a list was read to its end; files in Metrika that the database does not know."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0005_unlinked_and_subdomains"),
        ("calls", "0016_attempts"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="listuse",
            name="read_whole_at",
            field=models.DateTimeField(null=True, verbose_name="Прочитан целиком"),
        ),
        migrations.AddField(
            model_name="listuse",
            name="looking_until",
            field=models.DateTimeField(null=True, verbose_name="Сверка перед отправкой до"),
        ),
        migrations.AddField(
            model_name="listuse",
            name="look_error",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=64,
                verbose_name="Ошибка сверки",
            ),
        ),
        migrations.AlterField(
            model_name="listuse",
            name="asked_at",
            field=models.DateTimeField(null=True, verbose_name="Последний вопрос"),
        ),
        migrations.CreateModel(
            name="UnknownFile",
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
                (
                    "marker",
                    models.CharField(max_length=40, unique=True, verbose_name="Метка"),
                ),
                (
                    "uploading_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        size=None,
                        verbose_name="Номера в Метрике",
                    ),
                ),
                ("rows", models.PositiveIntegerField(null=True, verbose_name="Строк")),
                (
                    "create_time",
                    models.DateTimeField(null=True, verbose_name="Принята Метрикой"),
                ),
                (
                    "status",
                    models.CharField(blank=True, max_length=40, verbose_name="Статус Метрики"),
                ),
                ("found_at", models.DateTimeField(verbose_name="Найдена")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Ждёт решения"),
                            ("adopted", "Восстановлена как выгрузка"),
                            ("released", "Звонки отправлены заново"),
                            ("kept", "Звонки не отправляются: они уже в Метрике"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="Состояние",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unknown_files",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "файл, которого нет в базе",
                "verbose_name_plural": "файлы, которых нет в базе",
            },
        ),
    ]
