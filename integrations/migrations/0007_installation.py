"""The installation that a database belongs to; it is adopted at the first start after this."""

from __future__ import annotations

import uuid

from django.db import migrations, models

INSERT = """
INSERT INTO integrations_installation (id, uid, public_host, epoch, kind, halt_reason)
VALUES (1, gen_random_uuid(), '', 0, 'production', '')
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0006_renewed_until_taken")]

    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "uid",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, verbose_name="Номер установки"
                    ),
                ),
                (
                    "public_host",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="Адрес кабинета"
                    ),
                ),
                ("epoch", models.BigIntegerField(default=0, verbose_name="Отправок начато")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("production", "Рабочая установка"),
                            ("copy", "Копия для проверок"),
                        ],
                        default="production",
                        max_length=16,
                        verbose_name="Вид",
                    ),
                ),
                (
                    "adopted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Работает с"),
                ),
                (
                    "look_after",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="Сверяться со списками с"
                    ),
                ),
                (
                    "halted_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="Отправка остановлена"
                    ),
                ),
                (
                    "halt_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("behind", "База отстала от отправленного"),
                            ("foreign", "База другой установки"),
                            ("no_mark", "Негде хранить отметку"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="Причина остановки",
                    ),
                ),
            ],
            options={"verbose_name": "установка", "verbose_name_plural": "установка"},
        ),
        migrations.RunSQL(INSERT, migrations.RunSQL.noop),
    ]
