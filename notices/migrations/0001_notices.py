"""Notices of cabinets and messages about them. New, empty tables."""

import cabinets.sealing
import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("cabinets", "0006_ways_in"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reconnect_soon", "Скоро понадобится переподключить аккаунт"),
                            ("reconnect", "Аккаунт нужно переподключить"),
                            ("right_lost", "Потеряно право на счетчик"),
                            ("counter_stopped", "Метрика не принимает звонки счетчика"),
                            ("goal_gone", "Цель удалена в Метрике"),
                            ("quota", "Лимит запросов Яндекса"),
                            ("stuck", "Выгрузки требуют внимания"),
                            ("delayed", "Звонки долго не уходят"),
                            ("expiring_week", "Через неделю звонки опоздают"),
                            ("expiring_days", "Через два дня звонки опоздают"),
                            ("expired", "Звонки опоздали"),
                            ("empty_field", "Источник перестал присылать поле"),
                            ("pull_failed", "Звонки не забираются из CallKeeper"),
                        ],
                        max_length=24,
                        verbose_name="Вид",
                    ),
                ),
                ("subject", models.CharField(max_length=120, verbose_name="О чём")),
                ("facts", models.JSONField(default=dict, verbose_name="Подробности")),
                ("opened_at", models.DateTimeField(verbose_name="Началось")),
                (
                    "gone_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="Не видно с"),
                ),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончилось"),
                ),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "уведомление",
                "verbose_name_plural": "уведомления",
            },
        ),
        migrations.CreateModel(
            name="NoticeChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "email_groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        null=True,
                        size=None,
                        verbose_name="По почте",
                    ),
                ),
                (
                    "telegram_groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        null=True,
                        size=None,
                        verbose_name="В Telegram",
                    ),
                ),
                (
                    "digest",
                    models.CharField(
                        choices=[
                            ("off", "Не присылать"),
                            ("daily", "Каждый день"),
                            ("weekly", "По понедельникам"),
                        ],
                        default="off",
                        max_length=8,
                        verbose_name="Сводка",
                    ),
                ),
                (
                    "seen_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Просмотрено"),
                ),
                (
                    "membership",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_choice",
                        to="cabinets.membership",
                        verbose_name="Участник",
                    ),
                ),
            ],
            options={
                "verbose_name": "выбор уведомлений",
                "verbose_name_plural": "выбор уведомлений",
            },
        ),
        migrations.CreateModel(
            name="NoticeLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event",
                    models.CharField(
                        choices=[("opened", "Началось"), ("closed", "Закончилось")],
                        max_length=8,
                        verbose_name="Что",
                    ),
                ),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="notices.notice",
                        verbose_name="Уведомление",
                    ),
                ),
            ],
            options={
                "verbose_name": "строка сообщения",
                "verbose_name_plural": "строки сообщений",
            },
        ),
        migrations.CreateModel(
            name="NoticeMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "medium",
                    models.CharField(
                        choices=[
                            ("email", "Почта"),
                            ("telegram", "Telegram"),
                            ("webhook", "Вебхук"),
                        ],
                        max_length=16,
                        verbose_name="Как",
                    ),
                ),
                (
                    "uid",
                    models.UUIDField(
                        default=uuid.uuid4, unique=True, verbose_name="Номер сообщения"
                    ),
                ),
                ("digest_day", models.DateField(blank=True, null=True, verbose_name="Сводка за")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Ждёт своей очереди"),
                            ("sending", "Уходит"),
                            ("sent", "Отправлено"),
                            ("unclear", "Неизвестно, дошло ли"),
                            ("failed", "Не отправлено"),
                            ("dropped", "Не понадобилось"),
                        ],
                        default="waiting",
                        max_length=16,
                        verbose_name="Состояние",
                    ),
                ),
                ("not_before", models.DateTimeField(verbose_name="Не раньше")),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="Попыток")),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="Занято до"),
                ),
                (
                    "marked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Передаётся с"),
                ),
                (
                    "subject",
                    models.CharField(blank=True, default="", max_length=250, verbose_name="Тема"),
                ),
                ("body", models.TextField(blank=True, default="", verbose_name="Текст")),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=40, verbose_name="Ошибка"),
                ),
                ("created_at", models.DateTimeField(verbose_name="Создано")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="Завершено")),
                (
                    "cabinet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_messages",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "notices",
                    models.ManyToManyField(
                        related_name="messages",
                        through="notices.NoticeLine",
                        to="notices.notice",
                        verbose_name="Уведомления",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_messages",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кому",
                    ),
                ),
            ],
            options={
                "verbose_name": "сообщение",
                "verbose_name_plural": "сообщения",
            },
        ),
        migrations.AddField(
            model_name="noticeline",
            name="message",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="notices.noticemessage",
                verbose_name="Сообщение",
            ),
        ),
        migrations.CreateModel(
            name="NoticeWebhook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", cabinets.sealing.SealedTextField(verbose_name="Адрес")),
                ("secret", cabinets.sealing.SealedTextField(verbose_name="Секрет подписи")),
                ("created_at", models.DateTimeField(verbose_name="Создан")),
                (
                    "last_sent_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Последняя доставка"),
                ),
                (
                    "last_failed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Последний отказ"),
                ),
                (
                    "last_error",
                    models.CharField(blank=True, default="", max_length=40, verbose_name="Ошибка"),
                ),
                (
                    "cabinet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_webhook",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "вебхук уведомлений",
                "verbose_name_plural": "вебхуки уведомлений",
            },
        ),
        migrations.CreateModel(
            name="TelegramLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("chat_id", models.BigIntegerField(blank=True, null=True, verbose_name="Чат")),
                ("linked_at", models.DateTimeField(blank=True, null=True, verbose_name="Привязан")),
                (
                    "code_digest",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                (
                    "code_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="Код действует до"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="telegram_link",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Человек",
                    ),
                ),
            ],
            options={
                "verbose_name": "чат Telegram",
                "verbose_name_plural": "чаты Telegram",
            },
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["cabinet", "-opened_at"], name="notice_by_cabinet"),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("cabinet", "kind", "subject"),
                name="notice_open_once",
            ),
        ),
        migrations.AddIndex(
            model_name="noticemessage",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["not_before"], name="message_due"
            ),
        ),
        migrations.AddIndex(
            model_name="noticemessage",
            index=models.Index(
                condition=models.Q(("state", "sending")),
                fields=["lease_until"],
                name="message_leased",
            ),
        ),
        migrations.AddConstraint(
            model_name="noticemessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("attempts", 0), ("body", ""), ("digest_day", None), ("state", "waiting")
                ),
                fields=("cabinet", "user", "medium"),
                name="message_gathering_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="noticemessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("digest_day__isnull", False)),
                fields=("cabinet", "user", "digest_day"),
                name="message_digest_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeline",
            constraint=models.UniqueConstraint(
                fields=("message", "notice", "event"), name="line_once"
            ),
        ),
    ]
