"""The way of a source, and secret addresses of webhooks."""

import cabinets.sealing
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0005_last_warning"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="callsource",
            name="kind",
            field=models.CharField(
                choices=[
                    ("api", "Подписанные запросы"),
                    ("webhook", "Вебхуки"),
                    ("pull", "Забираем из CallKeeper"),
                    ("file", "Файлы"),
                ],
                db_default="api",
                default="api",
                max_length=16,
                verbose_name="Способ",
            ),
        ),
        migrations.CreateModel(
            name="SecretAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "slot",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "1"), (2, "2")], verbose_name="Ячейка"
                    ),
                ),
                ("token", cabinets.sealing.SealedTextField(verbose_name="Адрес")),
                (
                    "digest",
                    models.CharField(max_length=64, unique=True, verbose_name="Отпечаток адреса"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="Создан")),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="secret_addresses",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "секретный адрес",
                "verbose_name_plural": "секретные адреса",
                "constraints": [
                    models.UniqueConstraint(fields=("source", "slot"), name="address_slot_once"),
                    models.CheckConstraint(
                        condition=models.Q(("slot__in", [1, 2])), name="address_two_live_at_most"
                    ),
                ],
            },
        ),
    ]
