"""Calls of counters whose settings have never been saved wait for them, also those stored before.

Rows of counters that are configured by now stay skipped: a person may have sent them otherwise.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0008_delivery_state_choices"),
        ("counters", "0004_accepts_from"),
    ]

    operations = [
        migrations.RunSQL(
            """UPDATE calls_delivery SET waited = true
               WHERE state = 2 AND reason = 'not_configured' AND NOT waited
                 AND counter_id IN (SELECT id FROM counters_counter
                                    WHERE configured_at IS NULL AND removed_at IS NULL)""",
            migrations.RunSQL.noop,
        ),
    ]
