"""Whether Metrika's logs are read for a counter: a new column, off."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0010_callback_goal"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="link_proof",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="Проверять привязку по логам Метрики"
            ),
        ),
    ]
