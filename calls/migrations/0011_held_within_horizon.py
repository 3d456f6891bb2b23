"""Deliveries that are held past their horizon are released on its last day.

The constraint comes in a migration, and so a transaction, of its own: it takes the whole table, and
rows that this one had locked would make it and the intake wait for each other.
"""

from django.db import migrations

# Only what waits is in the partial index delivery_queue: the history is not read.
MEND = """
UPDATE calls_delivery SET not_before = greatest(
    least(now(), expires_at), expires_at - interval '1 day')
WHERE state = 1 AND not_before > expires_at
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0010_unlinked_calls")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(MEND, migrations.RunSQL.noop),
    ]
