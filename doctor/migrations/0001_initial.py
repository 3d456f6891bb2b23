"""The check of a cabinet that was ordered, and its steps."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("cabinets", "0007_invitations"),
        ("counters", "0007_settings_template"),
        ("integrations", "0008_looks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Examination",
            fields=[
                (
                    "cabinet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="examination",
                        serialize=False,
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Заказана")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончена"),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем заказана",
                    ),
                ),
            ],
            options={
                "verbose_name": "проверка подключения",
                "verbose_name_plural": "проверки подключения",
            },
        ),
        migrations.CreateModel(
            name="ExaminationStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "claimed_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="Занят до"),
                ),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="Сделан")),
                (
                    "problem",
                    models.CharField(
                        blank=True, default="", max_length=32, verbose_name="Почему не удался"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.yandexaccount",
                        verbose_name="Аккаунт",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "examination",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="doctor.examination",
                        verbose_name="Проверка",
                    ),
                ),
            ],
            options={
                "verbose_name": "шаг проверки",
                "verbose_name_plural": "шаги проверки",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("examination", "account", "counter"),
                        name="examination_step_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
