"""Counts of what came in, rejected records, requests as they came, and mappings of fields."""

import cabinets.sealing
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0031_hold_back"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SourceMapping",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fields", models.JSONField(verbose_name="Поля")),
                (
                    "preset",
                    models.CharField(
                        blank=True, max_length=40, verbose_name="Готовое соответствие"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="Версия")),
                ("saved_at", models.DateTimeField(verbose_name="Сохранено")),
                (
                    "saved_by",
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
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mapping",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "соответствие полей",
                "verbose_name_plural": "соответствия полей",
            },
        ),
        migrations.CreateModel(
            name="Intake",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("api", "Подписанный запрос"),
                            ("webhook", "Вебхук"),
                            ("pull", "Из CallKeeper"),
                            ("file", "Файл в кабинете"),
                            ("command", "Команда import_calls"),
                            ("replay", "Повторное чтение"),
                            ("test", "Пробный звонок"),
                        ],
                        max_length=16,
                        verbose_name="Способ",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="Когда")),
                ("received", models.PositiveIntegerField(verbose_name="Получено")),
                ("created", models.PositiveIntegerField(verbose_name="Новых")),
                ("updated", models.PositiveIntegerField(verbose_name="Изменено")),
                ("duplicate", models.PositiveIntegerField(verbose_name="Уже были")),
                ("rejected", models.PositiveIntegerField(verbose_name="Отклонено")),
                ("is_hour", models.BooleanField(default=False, verbose_name="За час")),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="intakes",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "приём записей",
                "verbose_name_plural": "приём записей",
                "indexes": [
                    models.Index(fields=["source", "at"], name="intake_by_source"),
                    models.Index(
                        condition=models.Q(("is_hour", False)),
                        fields=["at"],
                        name="intake_of_requests",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "received",
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
                            )
                        ),
                        name="intake_adds_up",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceivedRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="Когда")),
                ("method", models.CharField(max_length=8, verbose_name="Метод")),
                (
                    "content_type",
                    models.CharField(
                        blank=True, max_length=100, verbose_name="Тип тела (Content-Type)"
                    ),
                ),
                (
                    "record",
                    cabinets.sealing.SealedTextField(blank=True, verbose_name="Первая запись"),
                ),
                ("records", models.PositiveIntegerField(verbose_name="Записей")),
                ("accepted", models.PositiveIntegerField(verbose_name="Принято")),
                ("code", models.CharField(blank=True, max_length=40, verbose_name="Код причины")),
                ("message", models.TextField(blank=True, verbose_name="Причина")),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="received_requests",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "запрос на секретный адрес",
                "verbose_name_plural": "запросы на секретные адреса",
                "indexes": [
                    models.Index(fields=["source", "-at"], name="received_by_source"),
                    models.Index(fields=["at"], name="received_by_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RejectedRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("api", "Подписанный запрос"),
                            ("webhook", "Вебхук"),
                            ("pull", "Из CallKeeper"),
                            ("file", "Файл в кабинете"),
                            ("command", "Команда import_calls"),
                            ("replay", "Повторное чтение"),
                            ("test", "Пробный звонок"),
                        ],
                        max_length=16,
                        verbose_name="Способ",
                    ),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="Отпечаток записи")),
                ("first_at", models.DateTimeField(verbose_name="Впервые")),
                ("last_at", models.DateTimeField(verbose_name="В последний раз")),
                ("times", models.PositiveIntegerField(default=1, verbose_name="Сколько раз")),
                ("code", models.CharField(max_length=40, verbose_name="Код причины")),
                ("field", models.CharField(blank=True, max_length=100, verbose_name="Поле")),
                ("message", models.TextField(verbose_name="Причина")),
                (
                    "external_id",
                    models.CharField(blank=True, max_length=255, verbose_name="Номер в CallKeeper"),
                ),
                ("raw", cabinets.sealing.SealedTextField(blank=True, verbose_name="Как пришла")),
                (
                    "replayed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Прочитана"),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rejected_records",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "отклонённая запись",
                "verbose_name_plural": "отклонённые записи",
                "indexes": [
                    models.Index(fields=["source", "-last_at"], name="rejected_by_source"),
                    models.Index(fields=["last_at"], name="rejected_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "digest"), name="rejected_once")
                ],
            },
        ),
    ]
