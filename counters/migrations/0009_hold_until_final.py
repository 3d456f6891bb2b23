"""Holding a call until it is final: for the last attempt or for tags. Of no counter at first."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0008_value_rules"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="hold_for_last_attempt",
            field=models.BooleanField(
                db_default=False,
                default=False,
                verbose_name="Ждать последней попытки обратного звонка",
            ),
        ),
        migrations.AddField(
            model_name="counter",
            name="hold_for_tags",
            field=models.BooleanField(db_default=False, default=False, verbose_name="Ждать тегов"),
        ),
        migrations.AddField(
            model_name="counter",
            name="hold_hours",
            field=models.PositiveSmallIntegerField(
                db_default=24,
                default=24,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(480),
                ],
                verbose_name="Ждать не дольше, часов",
            ),
        ),
    ]
