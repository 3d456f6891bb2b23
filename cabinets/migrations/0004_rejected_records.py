"""The last request of a source of which some records were rejected."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cabinets", "0003_source_region")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="callsource",
            name="last_rejected_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Последний запрос с отклонёнными записями"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_rejected_records",
            field=models.PositiveIntegerField(
                db_default=0, default=0, verbose_name="Отклонено записей"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_rejection",
            field=models.CharField(
                blank=True, db_default="", max_length=40, verbose_name="Причина отклонения записи"
            ),
        ),
    ]
