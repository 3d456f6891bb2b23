"""Unreadable identifiers, and approvals to send as unlinked. A change of the catalogue only."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("counters", "0005_unlinked_and_subdomains"),
        ("calls", "0009_waits_for_settings"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="call",
            name="unreadable_identifiers",
            field=models.JSONField(blank=True, null=True, verbose_name="Нечитаемые идентификаторы"),
        ),
        migrations.AlterField(
            model_name="call",
            name="kind",
            field=models.CharField(
                choices=[
                    ("dynamic", "Динамический коллтрекинг"),
                    ("static", "Статический коллтрекинг"),
                    ("callback", "Обратный звонок"),
                    ("unknown", "Коллтрекинг, вид не указан"),
                ],
                max_length=16,
                verbose_name="Тип",
            ),
        ),
        migrations.CreateModel(
            name="UnlinkedApproval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("approved_at", models.DateTimeField(verbose_name="Решено")),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем решено",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="unlinked_approvals",
                        to="calls.call",
                        verbose_name="Звонок",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "отправка без привязки",
                "verbose_name_plural": "отправки без привязки",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("call", "counter"), name="unlinked_approval_once"
                    )
                ],
            },
        ),
    ]
