"""The last record of a source that was accepted with a warning."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cabinets", "0004_rejected_records")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="callsource",
            name="last_warned_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Последняя запись с предупреждением"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_warning",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=400,
                verbose_name="Предупреждение",
            ),
        ),
    ]
