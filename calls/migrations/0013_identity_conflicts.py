"""Calls under whose id another call came. A change of the catalogue only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0012_phone_text"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="call",
            name="conflict_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Номер у другого звонка"
            ),
        ),
        migrations.AddField(
            model_name="call",
            name="conflict",
            field=models.JSONField(
                blank=True, null=True, verbose_name="Другой звонок с этим номером"
            ),
        ),
    ]
