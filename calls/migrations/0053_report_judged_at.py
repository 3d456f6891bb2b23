"""When the difference of a report was judged: a nullable column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0052_moved_delays"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="metrikareport",
            name="judged_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="Оценено"),
        ),
    ]
