"""Value rules of a counter: none at first, so that every call keeps the counter's value."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0007_settings_template"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="value_rules",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                verbose_name="Правила ценности",
            ),
        ),
    ]
