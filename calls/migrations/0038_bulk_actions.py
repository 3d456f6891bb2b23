"""Adds actions on everything that a filter of the history shows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("calls", "0037_send_order"),
        ("counters", "0006_routing_changed_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="BulkAction",
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
                            ("release", "Отпустить отложенные"),
                            ("call_off", "Отменить отправку"),
                            ("restore", "Вернуть отменённые"),
                            ("retry", "Повторить отклонённые"),
                            ("send", "Отправить не отправленные"),
                            ("undo_release", "Отложить снова"),
                            ("undo_call_off", "Вернуть в очередь"),
                        ],
                        max_length=16,
                        verbose_name="Действие",
                    ),
                ),
                ("filters", models.JSONField(default=dict, verbose_name="Отбор")),
                ("token", models.UUIDField(editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Выполняется"),
                            ("done", "Выполнено"),
                            ("stopped", "Остановлено"),
                        ],
                        default="running",
                        max_length=8,
                        verbose_name="Состояние",
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Заказано")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончено"),
                ),
                ("total", models.PositiveIntegerField(verbose_name="Отобрано")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="Пройдено")),
                ("changed", models.PositiveIntegerField(default=0, verbose_name="Изменено")),
                ("last_call", models.BigIntegerField(editable=False)),
                ("reached_at", models.DateTimeField(editable=False, null=True)),
                ("reached_call", models.BigIntegerField(editable=False, null=True)),
                (
                    "reached_channel",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Звонки"), (2, "Цель")], editable=False, null=True
                    ),
                ),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulk_actions",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "requested_by",
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
                    "undoes",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undone_by",
                        to="calls.bulkaction",
                        verbose_name="Отменяет действие",
                    ),
                ),
            ],
            options={
                "verbose_name": "массовое действие",
                "verbose_name_plural": "массовые действия",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["requested_at"],
                        name="bulk_running",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("counter", "requested_at"), name="bulk_once_at_a_time"
                    ),
                    models.UniqueConstraint(fields=("cabinet", "token"), name="bulk_once_per_form"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "release",
                                    "call_off",
                                    "restore",
                                    "retry",
                                    "send",
                                    "undo_release",
                                    "undo_call_off",
                                ],
                            )
                        ),
                        name="bulk_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "running"), ("finished_at__isnull", False), _connector="OR"
                        ),
                        name="bulk_end_has_time",
                    ),
                ],
            },
        ),
    ]
