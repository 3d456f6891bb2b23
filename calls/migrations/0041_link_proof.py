"""What Metrika's logs say of each row that was sent: five new tables."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("calls", "0040_summary_moved"),
        ("counters", "0011_link_proof"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LogRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date1", models.DateField(verbose_name="Дни с")),
                ("date2", models.DateField(verbose_name="Дни по")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ordered", "Ждёт очереди"),
                            ("posting", "Заказываем логи у Метрики"),
                            ("preparing", "Метрика готовит логи"),
                            ("reading", "Читаем логи"),
                            ("matching", "Сравниваем с отправленным"),
                            ("visits", "Ищем начала визитов"),
                            ("cleaning", "Удаляем логи из Метрики"),
                            ("done", "Готово"),
                            ("failed", "Не получилось"),
                        ],
                        default="ordered",
                        max_length=12,
                        verbose_name="Состояние",
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Заказана")),
                ("next_at", models.DateTimeField(verbose_name="Следующий шаг")),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="Неудач подряд"),
                ),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="Причина"),
                ),
                ("request_id", models.BigIntegerField(null=True, verbose_name="Номер в Метрике")),
                ("posted_at", models.DateTimeField(null=True, verbose_name="Принята Метрикой")),
                ("polls", models.PositiveSmallIntegerField(default=0, verbose_name="Опросов")),
                ("size", models.PositiveBigIntegerField(null=True, verbose_name="Размер, байт")),
                (
                    "parts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        default=list,
                        size=None,
                        verbose_name="Части",
                    ),
                ),
                (
                    "parts_read",
                    models.PositiveIntegerField(default=0, verbose_name="Прочитано частей"),
                ),
                ("hits", models.PositiveBigIntegerField(default=0, verbose_name="Строк прочитано")),
                ("result", models.JSONField(default=dict, verbose_name="Результат")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="Закончена")),
                (
                    "counter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log_requests",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем заказана",
                    ),
                ),
            ],
            options={
                "verbose_name": "запрос логов",
                "verbose_name_plural": "запросы логов",
            },
        ),
        migrations.CreateModel(
            name="LogHit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("part", models.IntegerField(verbose_name="Часть")),
                ("line", models.PositiveBigIntegerField(verbose_name="Строка")),
                ("uploading_id", models.BigIntegerField(verbose_name="Номер загрузки")),
                ("moment", models.CharField(max_length=32, verbose_name="Время")),
                ("client_id", models.CharField(max_length=32, verbose_name="ClientID")),
                ("visit_id", models.CharField(max_length=32, verbose_name="Визит")),
                (
                    "goals",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        size=None,
                        verbose_name="Цели",
                    ),
                ),
                ("talk", models.PositiveBigIntegerField(null=True, verbose_name="Разговор, с")),
                ("hold", models.PositiveBigIntegerField(null=True, verbose_name="Ожидание, с")),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calls.logrequest",
                        verbose_name="Запрос логов",
                    ),
                ),
            ],
            options={
                "verbose_name": "строка логов",
                "verbose_name_plural": "строки логов",
            },
        ),
        migrations.CreateModel(
            name="LogSentRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("row_number", models.PositiveIntegerField(verbose_name="Строка")),
                ("moment", models.CharField(max_length=32, verbose_name="Время")),
                ("client_id", models.CharField(max_length=255, verbose_name="ClientID")),
                ("goal_id", models.BigIntegerField(null=True, verbose_name="Цель")),
                ("talk", models.PositiveBigIntegerField(null=True, verbose_name="Разговор, с")),
                ("hold", models.PositiveBigIntegerField(null=True, verbose_name="Ожидание, с")),
                (
                    "result",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Привязан к визиту"),
                            (2, "В Метрике, без визита"),
                            (3, "В логах Метрики нет"),
                        ],
                        null=True,
                        verbose_name="Результат",
                    ),
                ),
                (
                    "visit_id",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=32, verbose_name="Визит"
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calls.logrequest",
                        verbose_name="Запрос логов",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "отправленная строка",
                "verbose_name_plural": "отправленные строки",
            },
        ),
        migrations.CreateModel(
            name="UnknownLogRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uploading_id", models.BigIntegerField(verbose_name="Номер в Метрике")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("doubled", "Больше таких строк, чем отправлено"),
                            ("foreign", "Такой строки мы не отправляли"),
                        ],
                        max_length=8,
                        verbose_name="Что не так",
                    ),
                ),
                ("moment", models.DateTimeField(verbose_name="Время строки")),
                ("visit_id", models.CharField(blank=True, max_length=32, verbose_name="Визит")),
                ("talk", models.PositiveBigIntegerField(null=True, verbose_name="Разговор, с")),
                ("hold", models.PositiveBigIntegerField(null=True, verbose_name="Ожидание, с")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="Отпечаток")),
                ("count", models.PositiveIntegerField(verbose_name="Сколько раз")),
                ("found_at", models.DateTimeField(verbose_name="Найдена")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="Просмотрена")),
                (
                    "counter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unknown_log_rows",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "seen_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем просмотрена",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unknown_log_rows",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "неизвестная строка в логах",
                "verbose_name_plural": "неизвестные строки в логах",
            },
        ),
        migrations.CreateModel(
            name="LinkProof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("row_number", models.PositiveIntegerField(verbose_name="Строка")),
                ("partition_at", models.DateTimeField(editable=False)),
                (
                    "channel",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Звонки"), (2, "Цель")], verbose_name="Канал"
                    ),
                ),
                (
                    "result",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Привязан к визиту"),
                            (2, "В Метрике, без визита"),
                            (3, "В логах Метрики нет"),
                        ],
                        verbose_name="Результат",
                    ),
                ),
                (
                    "visit_id",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="Визит"),
                ),
                ("visit_at", models.DateTimeField(null=True, verbose_name="Начало визита")),
                ("proved_at", models.DateTimeField(verbose_name="Проверено")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="proofs",
                        to="calls.call",
                        verbose_name="Звонок",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="proofs",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="proofs",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "проверка привязки",
                "verbose_name_plural": "проверки привязки",
                "indexes": [
                    models.Index(fields=["counter", "partition_at"], name="link_proof_by_counter")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("upload", "row_number"), name="link_proof_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="logrequest",
            index=models.Index(fields=["counter", "-id"], name="log_request_by_counter"),
        ),
        migrations.AddIndex(
            model_name="logrequest",
            index=models.Index(
                condition=models.Q(("state__in", ["done", "failed"]), _negated=True),
                fields=["next_at"],
                name="log_request_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="logrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["done", "failed"]), _negated=True),
                fields=("counter", "date1", "date2"),
                name="log_request_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="loghit",
            constraint=models.UniqueConstraint(
                fields=("request", "part", "line"), name="log_hit_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="logsentrow",
            constraint=models.UniqueConstraint(
                fields=("request", "upload", "row_number"), name="log_sent_row_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="unknownlogrow",
            constraint=models.UniqueConstraint(
                fields=("counter", "uploading_id", "fingerprint"), name="unknown_log_row_once"
            ),
        ),
    ]
