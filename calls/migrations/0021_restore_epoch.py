"""The mark that a run of after_restore was begun for. A change of the catalogue only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0020_calls_lost"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="restorerun",
            name="mark_epoch",
            field=models.BigIntegerField(null=True, verbose_name="Эпоха метки"),
        ),
    ]
