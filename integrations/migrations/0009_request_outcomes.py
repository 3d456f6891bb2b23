"""How requests to Metrika end, and outages of Yandex. New, empty tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_looks"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="RequestOutcome",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minute", models.DateTimeField(verbose_name="Минута")),
                ("yandex_uid", models.CharField(max_length=32, verbose_name="Номер в Яндексе")),
                ("outcome", models.CharField(blank=True, max_length=32, verbose_name="Исход")),
                ("requests", models.PositiveIntegerField(default=0, verbose_name="Запросов")),
            ],
            options={
                "verbose_name": "исходы запросов",
                "verbose_name_plural": "исходы запросов",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("minute", "yandex_uid", "outcome"), name="request_outcome_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="YandexOutage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("outcome", models.CharField(max_length=32, verbose_name="Исход")),
                ("began_at", models.DateTimeField(verbose_name="Началось")),
                (
                    "ended_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="Закончилось"),
                ),
                (
                    "failed",
                    models.PositiveIntegerField(default=0, verbose_name="Неудачных запросов"),
                ),
            ],
            options={
                "verbose_name": "сбой Яндекса",
                "verbose_name_plural": "сбои Яндекса",
                "indexes": [models.Index(fields=["-began_at"], name="yandex_outage_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("outcome",),
                        name="yandex_outage_open_once",
                    )
                ],
            },
        ),
    ]
