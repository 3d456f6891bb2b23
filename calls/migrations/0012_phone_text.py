"""Phones that are no valid number, as they came. A change of the catalogue only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0011_held_within_horizon"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="call",
            name="phone_text",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=64,
                verbose_name="Телефон, как пришёл",
            ),
        ),
    ]
