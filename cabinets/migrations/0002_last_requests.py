from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cabinets", "0001_initial")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="callsource",
            name="last_used_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Последний принятый запрос"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_refused_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Последний отклонённый запрос"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_refusal",
            field=models.CharField(
                blank=True, db_default="", max_length=40, verbose_name="Причина отказа"
            ),
        ),
        migrations.AddField(
            model_name="callsource",
            name="last_import_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Последняя загрузка файла"
            ),
        ),
    ]
