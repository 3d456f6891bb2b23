"""Calls of counters whose settings have never been saved wait for them, also those stored before.

Calls that Metrika can no longer link stay skipped. So do rows of counters that are configured by
now: a person may have sent them otherwise.
"""

from django.db import migrations

# The month of a call is that of its start as first received, which a correction may have moved.
WAIT = """
UPDATE calls_delivery SET waited = true
WHERE state = 2 AND reason = 'not_configured' AND NOT waited
  AND expires_at > now() AND partition_at > now() - interval '2 months'
  AND counter_id IN (SELECT id FROM counters_counter
                     WHERE configured_at IS NULL AND removed_at IS NULL)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0008_delivery_state_choices"),
        ("counters", "0004_accepts_from"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(WAIT, migrations.RunSQL.noop),
    ]
