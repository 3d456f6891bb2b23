"""What Metrika's reports say of each counter's calls by day: two new tables."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0041_link_proof"),
        ("counters", "0011_link_proof"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="MetrikaReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("next_at", models.DateTimeField(verbose_name="Следующее чтение")),
                ("ordered_at", models.DateTimeField(null=True, verbose_name="Заказано")),
                ("asked_at", models.DateTimeField(null=True, verbose_name="Метрика спрошена")),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="Ошибка"),
                ),
                ("read_at", models.DateTimeField(null=True, verbose_name="Отчёт прочитан")),
                ("first_day", models.DateField(null=True, verbose_name="Первый день")),
                ("last_day", models.DateField(null=True, verbose_name="Последний день")),
                (
                    "time_zone",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="Часовой пояс"
                    ),
                ),
                ("goals", models.JSONField(default=list, verbose_name="Цели в отчёте")),
                ("is_sampled", models.BooleanField(default=False, verbose_name="По выборке")),
                ("is_cut", models.BooleanField(default=False, verbose_name="Строки скрыты")),
                (
                    "unexplained",
                    models.IntegerField(default=0, verbose_name="Необъяснённая разница"),
                ),
                ("is_different", models.BooleanField(default=False, verbose_name="Расходится")),
                (
                    "counter",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="metrika_report",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
                (
                    "ordered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем заказано",
                    ),
                ),
            ],
            options={
                "verbose_name": "отчёт Метрики",
                "verbose_name_plural": "отчёты Метрики",
            },
        ),
        migrations.CreateModel(
            name="MetrikaReportDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="День")),
                ("calls", models.PositiveIntegerField(verbose_name="Звонков")),
                ("reaches", models.JSONField(default=dict, verbose_name="Достижений")),
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
            ],
            options={
                "verbose_name": "день отчёта Метрики",
                "verbose_name_plural": "дни отчётов Метрики",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("counter", "day"), name="metrika_report_day_once"
                    )
                ],
            },
        ),
    ]
