"""Whether events are noted on Metrika's charts of a counter: a new column, off."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0011_link_proof"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="chart_notes",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="Примечания на графиках Метрики"
            ),
        ),
    ]
