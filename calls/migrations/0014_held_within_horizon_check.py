"""No waiting delivery is held past its horizon. A change of the catalogue only."""

from django.db import migrations

# NOT VALID: the rows there are were mended by 0011 and are not read. A partitioned table takes it
# as well.
HELD = """
ALTER TABLE calls_delivery ADD CONSTRAINT delivery_held_within_horizon
    CHECK (state <> 1 OR not_before <= expires_at) NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0013_identity_conflicts")]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(
            HELD, "ALTER TABLE calls_delivery DROP CONSTRAINT delivery_held_within_horizon"
        ),
    ]
