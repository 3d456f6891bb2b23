"""What becomes of calls without an identifier, and whether subdomains belong to a site.

Until now a call without an identifier was a static one: counters that accept none do not get them
as unlinked calls either.
"""

from django.db import migrations, models

CLOSED = "UPDATE counters_counter SET unlinked_mode = 'skip' WHERE NOT accepts_static"


class Migration(migrations.Migration):
    dependencies = [("counters", "0004_accepts_from")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="counter",
            name="with_subdomains",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="С поддоменами"
            ),
        ),
        migrations.AddField(
            model_name="counter",
            name="unlinked_mode",
            field=models.CharField(
                choices=[
                    ("static", "Передавать как непривязанные"),
                    ("skip", "Не передавать"),
                ],
                db_default="static",
                default="static",
                max_length=8,
                verbose_name="Звонки без идентификатора",
            ),
        ),
        migrations.RunSQL(CLOSED, migrations.RunSQL.noop),
    ]
