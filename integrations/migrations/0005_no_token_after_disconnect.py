"""What is disconnected holds no refresh token either; the product has cleared both all along."""

from __future__ import annotations

from django.db import migrations, models

FORGET = """
UPDATE integrations_yandexaccount SET refresh_token = ''
WHERE state = 'disconnected' AND refresh_token <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_metrika_clock")]

    operations = [
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="yandexaccount", name="account_disconnected_has_no_token"
        ),
        migrations.AddConstraint(
            model_name="yandexaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "disconnected"), _negated=True),
                    models.Q(("access_token", ""), ("refresh_token", "")),
                    _connector="OR",
                ),
                name="account_disconnected_has_no_token",
            ),
        ),
    ]
