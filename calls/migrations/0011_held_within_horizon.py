"""No waiting delivery is held past its horizon; those that were are released on its last day."""

from django.db import migrations

# Only what waits is in the partial index delivery_queue, so neither statement reads the history.
MEND = """
UPDATE calls_delivery SET not_before = greatest(
    least(now(), expires_at), expires_at - interval '1 day')
WHERE state = 1 AND not_before > expires_at
"""

# NOT VALID: rows that are no longer waiting are not read. A partitioned table takes it as well.
HELD = """
ALTER TABLE calls_delivery ADD CONSTRAINT delivery_held_within_horizon
    CHECK (state <> 1 OR not_before <= expires_at) NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0010_unlinked_calls")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(MEND, migrations.RunSQL.noop),
        migrations.RunSQL(
            HELD, "ALTER TABLE calls_delivery DROP CONSTRAINT delivery_held_within_horizon"
        ),
    ]
