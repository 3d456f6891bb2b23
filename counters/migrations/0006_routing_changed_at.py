"""When anything last changed that decides which calls concern a counter.

Of counters that exist it is not known: calls from before this migration are not checked by it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("counters", "0005_unlinked_and_subdomains"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="routing_changed_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="Отбор звонков изменён"
            ),
        ),
        migrations.RunSQL(
            "UPDATE counters_counter SET routing_changed_at = now()", migrations.RunSQL.noop
        ),
    ]
