"""What a refusing rule compared. A change of the catalogue only, but of the busiest table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0006_attempt_by_age"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="delivery",
            name="compared",
            field=models.JSONField(
                blank=True, editable=False, null=True, verbose_name="Сравнивалось"
            ),
        ),
    ]
