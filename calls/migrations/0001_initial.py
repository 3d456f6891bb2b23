"""The ledger's tables. Calls and deliveries are partitioned by month from the first day.

Django's `id` is kept as a plain bigint; the database's own primary keys carry the partition
column. What a unique key over partitions cannot say - one call for one external id - is said by
`CallKey`, whose `partition_at` both tables take over and never change.
"""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


CALL_TABLE = """
CREATE TABLE calls_call (
    id bigint NOT NULL,
    cabinet_id bigint NOT NULL,
    source_id bigint NULL,
    partition_at timestamptz NOT NULL,
    external_id varchar(128) NOT NULL,
    service_type varchar(32) NOT NULL,
    kind varchar(16) NOT NULL,
    phone varchar(20) NOT NULL,
    started_at timestamptz NOT NULL,
    duration_seconds integer NOT NULL CHECK (duration_seconds >= 0),
    hold_seconds integer NULL CHECK (hold_seconds >= 0),
    status varchar(16) NOT NULL,
    status_first integer NULL,
    status_second integer NULL,
    is_finished boolean NOT NULL,
    is_test boolean NOT NULL,
    is_technical boolean NOT NULL,
    is_unique boolean NOT NULL,
    is_target boolean NOT NULL,
    is_unique_target boolean NOT NULL,
    site varchar(255) NOT NULL,
    site_host varchar(255) NOT NULL,
    campaign_id varchar(64) NOT NULL,
    campaign_name varchar(255) NOT NULL,
    client_id varchar(32) NOT NULL,
    yclid varchar(32) NOT NULL,
    user_id varchar(255) NOT NULL,
    page_url text NOT NULL,
    tags text[] NOT NULL,
    callback_id bigint NULL,
    attempt integer NULL CHECK (attempt >= 0),
    order_key bigint NULL,
    raw jsonb NOT NULL,
    content_hash varchar(64) NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    received_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (id, partition_at)
) PARTITION BY RANGE (partition_at);
-- lists of a cabinet's calls, newest first
CREATE INDEX call_by_cabinet ON calls_call (cabinet_id, started_at DESC, id DESC);
-- search by a phone or its last digits: numbers backwards, so that an end is a beginning
CREATE INDEX call_by_phone ON calls_call (reverse(phone) text_pattern_ops, cabinet_id)
    WHERE phone <> '';
-- the other attempts of one callback order
CREATE INDEX call_by_order ON calls_call (cabinet_id, order_key) WHERE order_key IS NOT NULL;
"""

DELIVERY_TABLE = """
CREATE SEQUENCE calls_delivery_id_seq AS bigint;
CREATE TABLE calls_delivery (
    id bigint NOT NULL DEFAULT nextval('calls_delivery_id_seq'),
    call_id bigint NOT NULL,
    partition_at timestamptz NOT NULL,
    cabinet_id bigint NOT NULL,
    counter_id bigint NOT NULL,
    channel smallint NOT NULL CHECK (channel IN (1, 2)),
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 6),
    reason varchar(32) NULL,
    id_kind smallint NULL CHECK (id_kind BETWEEN 1 AND 3),
    is_static boolean NOT NULL,
    decided_at timestamptz NOT NULL,
    settings_version integer NOT NULL CHECK (settings_version >= 0),
    not_before timestamptz NULL,
    waited boolean NOT NULL,
    expires_at timestamptz NOT NULL,
    upload_id bigint NULL,
    row_number integer NULL,
    call_revision integer NULL,
    PRIMARY KEY (call_id, counter_id, channel, partition_at),
    CONSTRAINT delivery_skipped_has_reason CHECK (state <> 2 OR reason IS NOT NULL),
    CONSTRAINT delivery_waiting_has_moment
        CHECK (state <> 1 OR (not_before IS NOT NULL AND id_kind IS NOT NULL)),
    CONSTRAINT delivery_batched_has_upload
        CHECK ((upload_id IS NOT NULL) = (state IN (3, 6)) OR state = 5),
    CONSTRAINT delivery_upload_has_row
        CHECK ((upload_id IS NULL) = (row_number IS NULL)
               AND (upload_id IS NULL) = (call_revision IS NULL))
) PARTITION BY RANGE (partition_at);
ALTER SEQUENCE calls_delivery_id_seq OWNED BY calls_delivery.id;
-- the queue: batching.due_streams and batching.build_upload; only what still waits is in it
CREATE INDEX delivery_queue ON calls_delivery
    (counter_id, channel, id_kind, is_static, not_before) WHERE state = 1;
-- decision.decide_again: what settings set aside
CREATE INDEX delivery_set_aside ON calls_delivery (counter_id) WHERE state = 2 AND waited;
-- a counter's history, newest first
CREATE INDEX delivery_by_counter ON calls_delivery (counter_id, partition_at DESC, call_id DESC);
-- the calls of an upload
CREATE INDEX delivery_by_upload ON calls_delivery (upload_id, row_number)
    WHERE upload_id IS NOT NULL;
-- support opens a row by its number; ids grow with time, so a block index of a few pages does
CREATE INDEX delivery_by_id ON calls_delivery USING brin (id) WITH (pages_per_range = 16);
"""

# What is older than three months at the first start is filed in one partition («past»); a call
# cannot start in the future, so a row in the default partition means that the clock stood still.
PARTITIONS = """
DO $$
DECLARE
    first date := date_trunc('month', now() AT TIME ZONE 'UTC') - interval '3 months';
    month date;
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['calls_call', 'calls_delivery'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_default', parent);
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (%L)',
            parent || '_past', parent, first || ' 00:00:00+00');
        FOR n IN 0..6 LOOP
            month := first + make_interval(months => n);
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || '_' || to_char(month, 'YYYY_MM'), parent,
                month || ' 00:00:00+00',
                (month + interval '1 month')::date || ' 00:00:00+00');
        END LOOP;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("cabinets", "0001_initial"),
        ("counters", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Upload",
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
                    "id_kind",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "ClientId"), (2, "Yclid"), (3, "UserId")],
                        verbose_name="Идентификатор",
                    ),
                ),
                ("is_static", models.BooleanField(default=False, verbose_name="Статические")),
                ("target", models.CharField(blank=True, max_length=255, verbose_name="Цель")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ready", "Готова к отправке"),
                            ("later", "Будет повторена"),
                            ("sending", "Отправляется"),
                            ("unclear", "Проверяем, дошла ли"),
                            ("sent", "Отправлена, Метрика обрабатывает"),
                            ("processed", "Обработана Метрикой"),
                            ("linkage_failure", "Принята, визиты не найдены"),
                            ("needs_attention", "Требует внимания"),
                            ("cancelled", "Отменена до отправки"),
                        ],
                        default="ready",
                        max_length=20,
                        verbose_name="Состояние",
                    ),
                ),
                (
                    "attention",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("rejected", "Метрика отклонила файл"),
                            ("damaged", "Файл выгрузки повреждён"),
                            ("unknown_fate", "Неизвестно, дошла ли"),
                            ("row_refused", "Приняты не все строки"),
                            ("duplicate", "В Метрике две такие выгрузки"),
                            ("overdue", "Метрика обрабатывает дольше двух суток"),
                            ("counter_removed", "Счетчик удалён из кабинета"),
                            ("expired", "Прошёл 21 день со звонка"),
                        ],
                        max_length=20,
                        verbose_name="Причина",
                    ),
                ),
                ("marker", models.CharField(max_length=40, unique=True, verbose_name="Метка")),
                ("rows", models.PositiveIntegerField(verbose_name="Строк")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256 файла")),
                ("created_at", models.DateTimeField(verbose_name="Собрана")),
                ("oldest_call_at", models.DateTimeField(verbose_name="Самый ранний звонок")),
                ("newest_call_at", models.DateTimeField(verbose_name="Самый поздний звонок")),
                ("not_before", models.DateTimeField(verbose_name="Не раньше")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="Попыток")),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="Отправлена")),
                ("lookups", models.PositiveSmallIntegerField(default=0, verbose_name="Поисков")),
                ("looked_up_at", models.DateTimeField(null=True, verbose_name="Последний поиск")),
                ("uploading_id", models.BigIntegerField(null=True, verbose_name="Номер в Метрике")),
                (
                    "metrika_status",
                    models.CharField(blank=True, max_length=40, verbose_name="Статус Метрики"),
                ),
                (
                    "source_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Строк получено"),
                ),
                (
                    "line_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Строк принято"),
                ),
                (
                    "static_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Статических"),
                ),
                (
                    "dynamic_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Динамических"),
                ),
                (
                    "linked_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Привязано"),
                ),
                (
                    "user_not_found_quantity",
                    models.PositiveIntegerField(null=True, verbose_name="Визит не найден"),
                ),
                (
                    "duplicate_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        size=None,
                        verbose_name="Двойники",
                    ),
                ),
                ("accepted_at", models.DateTimeField(null=True, verbose_name="Принята Метрикой")),
                ("polls", models.PositiveSmallIntegerField(default=0, verbose_name="Опросов")),
                ("next_poll_at", models.DateTimeField(null=True, verbose_name="Следующий опрос")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="Итог получен")),
                (
                    "cabinet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uploads",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uploads",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "выгрузка",
                "verbose_name_plural": "выгрузки",
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Call",
                    fields=[
                        (
                            "id",
                            models.BigIntegerField(
                                primary_key=True,
                                serialize=False,
                                verbose_name="Номер в CallKeeper",
                            ),
                        ),
                        ("partition_at", models.DateTimeField(editable=False)),
                        (
                            "external_id",
                            models.CharField(max_length=128, verbose_name="Номер звонка"),
                        ),
                        ("service_type", models.CharField(max_length=32, verbose_name="Сервис")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("dynamic", "Динамический коллтрекинг"),
                                    ("static", "Статический коллтрекинг"),
                                    ("callback", "Обратный звонок"),
                                ],
                                max_length=16,
                                verbose_name="Тип",
                            ),
                        ),
                        (
                            "phone",
                            models.CharField(blank=True, max_length=20, verbose_name="Телефон"),
                        ),
                        ("started_at", models.DateTimeField(verbose_name="Начало")),
                        (
                            "duration_seconds",
                            models.PositiveIntegerField(default=0, verbose_name="Разговор, с"),
                        ),
                        (
                            "hold_seconds",
                            models.PositiveIntegerField(null=True, verbose_name="Ожидание, с"),
                        ),
                        (
                            "status",
                            models.CharField(
                                blank=True,
                                choices=[("success", "Успешный"), ("fail", "Неуспешный")],
                                max_length=16,
                                verbose_name="Итог",
                            ),
                        ),
                        ("status_first", models.IntegerField(null=True, verbose_name="Код 1")),
                        ("status_second", models.IntegerField(null=True, verbose_name="Код 2")),
                        ("is_finished", models.BooleanField(verbose_name="Завершён")),
                        ("is_test", models.BooleanField(default=False, verbose_name="Проверочный")),
                        (
                            "is_technical",
                            models.BooleanField(default=False, verbose_name="Техническая отмена"),
                        ),
                        (
                            "is_unique",
                            models.BooleanField(default=False, verbose_name="Уникальный"),
                        ),
                        ("is_target", models.BooleanField(default=False, verbose_name="Целевой")),
                        (
                            "is_unique_target",
                            models.BooleanField(default=False, verbose_name="Уникально-целевой"),
                        ),
                        ("site", models.CharField(blank=True, max_length=255, verbose_name="Сайт")),
                        (
                            "site_host",
                            models.CharField(
                                blank=True, max_length=255, verbose_name="Сайт, приведённый"
                            ),
                        ),
                        (
                            "campaign_id",
                            models.CharField(
                                blank=True, max_length=64, verbose_name="Номер кампании"
                            ),
                        ),
                        (
                            "campaign_name",
                            models.CharField(blank=True, max_length=255, verbose_name="Кампания"),
                        ),
                        (
                            "client_id",
                            models.CharField(blank=True, max_length=32, verbose_name="ClientID"),
                        ),
                        (
                            "yclid",
                            models.CharField(blank=True, max_length=32, verbose_name="Yclid"),
                        ),
                        (
                            "user_id",
                            models.CharField(blank=True, max_length=255, verbose_name="UserID"),
                        ),
                        ("page_url", models.TextField(blank=True, verbose_name="Страница")),
                        (
                            "tags",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(),
                                default=list,
                                size=None,
                                verbose_name="Теги",
                            ),
                        ),
                        (
                            "callback_id",
                            models.BigIntegerField(null=True, verbose_name="Номер попытки"),
                        ),
                        ("attempt", models.PositiveIntegerField(null=True, verbose_name="Попытка")),
                        ("order_key", models.BigIntegerField(null=True, verbose_name="Заказ")),
                        ("raw", models.JSONField(verbose_name="Как пришёл")),
                        (
                            "content_hash",
                            models.CharField(max_length=64, verbose_name="Отпечаток записи"),
                        ),
                        ("revision", models.PositiveIntegerField(default=1, verbose_name="Версия")),
                        ("received_at", models.DateTimeField(verbose_name="Получен")),
                        ("updated_at", models.DateTimeField(verbose_name="Изменён")),
                        (
                            "cabinet",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="calls",
                                to="cabinets.cabinet",
                                verbose_name="Кабинет",
                            ),
                        ),
                        (
                            "source",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="cabinets.callsource",
                                verbose_name="Источник",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "звонок",
                        "verbose_name_plural": "звонки",
                        "permissions": [
                            ("view_personal_data", "Can see whole phones and raw records")
                        ],
                        "managed": True,
                    },
                ),
            ],
            database_operations=[
                migrations.RunSQL(CALL_TABLE, "DROP TABLE calls_call"),
            ],
        ),
        migrations.CreateModel(
            name="UploadFile",
            fields=[
                (
                    "upload",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="file",
                        serialize=False,
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
                ("body", models.BinaryField()),
            ],
            options={
                "verbose_name": "файл выгрузки",
                "verbose_name_plural": "файлы выгрузок",
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Delivery",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("partition_at", models.DateTimeField(editable=False)),
                        (
                            "channel",
                            models.PositiveSmallIntegerField(
                                choices=[(1, "Звонки"), (2, "Цель")], verbose_name="Канал"
                            ),
                        ),
                        (
                            "state",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (1, "Ждёт отправки"),
                                    (2, "Не отправляется"),
                                    (3, "В выгрузке"),
                                    (4, "Опоздал"),
                                    (5, "Требует внимания"),
                                    (6, "Строка не принята"),
                                ],
                                verbose_name="Состояние",
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                blank=True, max_length=32, null=True, verbose_name="Причина"
                            ),
                        ),
                        (
                            "id_kind",
                            models.PositiveSmallIntegerField(
                                choices=[(1, "ClientId"), (2, "Yclid"), (3, "UserId")],
                                null=True,
                                verbose_name="Идентификатор",
                            ),
                        ),
                        (
                            "is_static",
                            models.BooleanField(default=False, verbose_name="Статический"),
                        ),
                        ("decided_at", models.DateTimeField(verbose_name="Решено")),
                        (
                            "settings_version",
                            models.PositiveIntegerField(default=0, verbose_name="Версия настроек"),
                        ),
                        ("not_before", models.DateTimeField(null=True, verbose_name="Не раньше")),
                        (
                            "waited",
                            models.BooleanField(default=False, verbose_name="Ждал отправки"),
                        ),
                        ("expires_at", models.DateTimeField(verbose_name="Привязывается до")),
                        (
                            "row_number",
                            models.PositiveIntegerField(null=True, verbose_name="Строка"),
                        ),
                        (
                            "call_revision",
                            models.PositiveIntegerField(null=True, verbose_name="Версия звонка"),
                        ),
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
                                related_name="deliveries",
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
                                related_name="deliveries",
                                to="counters.counter",
                                verbose_name="Счетчик",
                            ),
                        ),
                        (
                            "upload",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="deliveries",
                                to="calls.upload",
                                verbose_name="Выгрузка",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "отправка",
                        "verbose_name_plural": "отправки",
                    },
                ),
            ],
            database_operations=[
                migrations.RunSQL(DELIVERY_TABLE, "DROP TABLE calls_delivery"),
            ],
        ),
        migrations.CreateModel(
            name="UploadAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="Попытка")),
                (
                    "kind",
                    models.CharField(
                        choices=[("send", "Отправка"), ("lookup", "Поиск")],
                        default="send",
                        max_length=8,
                        verbose_name="Действие",
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="Начало")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="Конец")),
                (
                    "http_status",
                    models.PositiveSmallIntegerField(null=True, verbose_name="Код HTTP"),
                ),
                ("error_class", models.CharField(blank=True, max_length=64, verbose_name="Ошибка")),
                (
                    "error_type",
                    models.CharField(blank=True, max_length=64, verbose_name="Ошибка Метрики"),
                ),
                ("excerpt", models.CharField(blank=True, max_length=500, verbose_name="Ответ")),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="calls.upload",
                        verbose_name="Выгрузка",
                    ),
                ),
            ],
            options={
                "verbose_name": "попытка",
                "verbose_name_plural": "попытки",
            },
        ),
        migrations.CreateModel(
            name="CallKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("external_id", models.CharField(max_length=128, verbose_name="Номер звонка")),
                ("partition_at", models.DateTimeField(verbose_name="Хранится в месяце")),
                (
                    "cabinet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "ключ звонка",
                "verbose_name_plural": "ключи звонков",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("cabinet", "external_id"), name="call_once_per_cabinet"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IngestReceipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("webhook_id", models.CharField(max_length=255, verbose_name="Номер запроса")),
                ("body_hash", models.CharField(max_length=64, verbose_name="Отпечаток запроса")),
                ("answer", models.JSONField(verbose_name="Ответ")),
                ("received_at", models.DateTimeField(verbose_name="Получено")),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "квитанция приёма",
                "verbose_name_plural": "квитанции приёма",
                "indexes": [models.Index(fields=["received_at"], name="receipt_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "webhook_id"), name="receipt_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("state__in", ["ready", "later"])),
                fields=["not_before"],
                name="upload_due",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("state__in", ["sending", "unclear"])),
                fields=["state", "lease_until"],
                name="upload_uncertain",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("state", "sent")),
                fields=["next_poll_at"],
                name="upload_to_poll",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(fields=["counter", "-created_at"], name="upload_by_counter"),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["sent", "processed", "linkage_failure"]), _negated=True
                    ),
                    ("uploading_id__isnull", False),
                    _connector="OR",
                ),
                name="upload_sent_has_uploading_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("rows__gt", 0)), name="upload_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "needs_attention"), _negated=True),
                    models.Q(("attention", ""), _negated=True),
                    _connector="OR",
                ),
                name="upload_attention_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "sending"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="upload_sending_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="uploadattempt",
            constraint=models.UniqueConstraint(
                fields=("upload", "kind", "number"), name="attempt_once"
            ),
        ),
        migrations.RunSQL(PARTITIONS, migrations.RunSQL.noop),
    ]
