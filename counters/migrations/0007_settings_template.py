"""Settings that a cabinet keeps under a name."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0006_ways_in"),
        ("counters", "0006_routing_changed_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SettingsTemplate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="Название")),
                ("content", models.JSONField(verbose_name="Настройки")),
                ("created_at", models.DateTimeField(verbose_name="Сохранён")),
                (
                    "cabinet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="settings_templates",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем сохранён",
                    ),
                ),
            ],
            options={
                "verbose_name": "шаблон настроек",
                "verbose_name_plural": "шаблоны настроек",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("cabinet", "name"), name="settings_template_once_per_cabinet"
                    )
                ],
            },
        ),
    ]
