"""Adds files that are uploaded into a source: their bytes, settings, progress and errors."""

import cabinets.sealing
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0034_watched_fields"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="FileImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="Имя файла")),
                ("size", models.BigIntegerField(default=0, verbose_name="Размер, байт")),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
                ("has_file", models.BooleanField(default=True, verbose_name="Файл хранится")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("uploading", "Файл загружается"),
                            ("uploaded", "Ждёт проверки"),
                            ("checking", "Проверяется"),
                            ("checked", "Проверен: ждёт вашего решения"),
                            ("storing", "Звонки сохраняются"),
                            ("done", "Готово"),
                            ("cancelled", "Отменён"),
                            ("failed", "Файл не прочитан"),
                        ],
                        default="uploading",
                        max_length=10,
                        verbose_name="Состояние",
                    ),
                ),
                (
                    "error_code",
                    models.CharField(blank=True, max_length=40, verbose_name="Код причины"),
                ),
                ("error_text", models.TextField(blank=True, verbose_name="Причина")),
                ("kind", models.CharField(blank=True, max_length=10, verbose_name="Вид файла")),
                ("sheet", models.CharField(blank=True, max_length=255, verbose_name="Лист")),
                ("encoding", models.CharField(blank=True, max_length=20, verbose_name="Кодировка")),
                (
                    "delimiter",
                    models.CharField(blank=True, max_length=4, verbose_name="Разделитель"),
                ),
                ("sheets", models.JSONField(default=list, verbose_name="Листы")),
                ("header", models.JSONField(default=list, verbose_name="Столбцы")),
                ("mapping", models.JSONField(blank=True, null=True, verbose_name="Соответствие")),
                (
                    "preset",
                    models.CharField(
                        blank=True, max_length=40, verbose_name="Готовое соответствие"
                    ),
                ),
                (
                    "preview",
                    cabinets.sealing.SealedTextField(blank=True, verbose_name="Первые строки"),
                ),
                (
                    "rows_total",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="Строк"),
                ),
                ("valid", models.PositiveIntegerField(default=0, verbose_name="Годных")),
                ("invalid", models.PositiveIntegerField(default=0, verbose_name="С ошибкой")),
                ("too_old", models.PositiveIntegerField(default=0, verbose_name="Старше 21 дня")),
                ("tried", models.PositiveIntegerField(default=0, verbose_name="Опробовано")),
                ("plan", models.JSONField(default=dict, verbose_name="Что куда уйдёт")),
                ("is_sent", models.BooleanField(blank=True, null=True, verbose_name="С отправкой")),
                ("created", models.PositiveIntegerField(default=0, verbose_name="Новых")),
                ("updated", models.PositiveIntegerField(default=0, verbose_name="Изменено")),
                ("duplicate", models.PositiveIntegerField(default=0, verbose_name="Уже были")),
                ("rejected", models.PositiveIntegerField(default=0, verbose_name="Отклонено")),
                ("lease", models.CharField(blank=True, default="", editable=False, max_length=32)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("turn_at", models.DateTimeField(editable=False, null=True)),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="Ошибок подряд"),
                ),
                ("created_at", models.DateTimeField(verbose_name="Загружен")),
                (
                    "started_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Сохранение начато"),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончен"),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кто",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file_imports",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "файл со звонками",
                "verbose_name_plural": "файлы со звонками",
            },
        ),
        migrations.CreateModel(
            name="FileError",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("row", models.PositiveIntegerField(verbose_name="Строка")),
                ("code", models.CharField(max_length=40, verbose_name="Код причины")),
                ("field", models.CharField(blank=True, max_length=100, verbose_name="Поле")),
                ("message", models.TextField(verbose_name="Причина")),
                (
                    "file_import",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="errors",
                        to="calls.fileimport",
                        verbose_name="Файл со звонками",
                    ),
                ),
            ],
            options={
                "verbose_name": "строка с ошибкой",
                "verbose_name_plural": "строки с ошибками",
            },
        ),
        migrations.CreateModel(
            name="FilePiece",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="Номер части")),
                ("data", models.BinaryField(verbose_name="Байты")),
                (
                    "file_import",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pieces",
                        to="calls.fileimport",
                        verbose_name="Файл со звонками",
                    ),
                ),
            ],
            options={
                "verbose_name": "часть файла со звонками",
                "verbose_name_plural": "части файлов со звонками",
            },
        ),
        migrations.AddIndex(
            model_name="fileimport",
            index=models.Index(fields=["source", "-created_at"], name="import_by_source"),
        ),
        migrations.AddIndex(
            model_name="fileimport",
            index=models.Index(fields=["created_at"], name="import_by_age"),
        ),
        migrations.AddConstraint(
            model_name="fileimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "uploading",
                            "uploaded",
                            "checking",
                            "checked",
                            "storing",
                            "done",
                            "cancelled",
                            "failed",
                        ],
                    )
                ),
                name="import_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="fileimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), _negated=True),
                    (
                        "rows_total",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("created"), "+", models.F("updated")
                                ),
                                "+",
                                models.F("duplicate"),
                            ),
                            "+",
                            models.F("rejected"),
                        ),
                    ),
                    _connector="OR",
                ),
                name="import_done_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="fileimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "checked"), _negated=True),
                    (
                        "rows_total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("valid"), "+", models.F("invalid")
                        ),
                    ),
                    _connector="OR",
                ),
                name="import_checked_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="fileerror",
            constraint=models.UniqueConstraint(
                fields=("file_import", "row"), name="file_error_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="filepiece",
            constraint=models.UniqueConstraint(
                fields=("file_import", "number"), name="file_piece_once"
            ),
        ),
    ]
