"""From when a counter accepts calls; counters that exist have no lower bound."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0003_stopped_cause"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="accepts_from",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Принимает звонки с"),
        ),
        migrations.AlterField(
            model_name="counter",
            name="configured_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Настроен впервые"),
        ),
    ]
