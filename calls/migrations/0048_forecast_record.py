"""What the counter's own proved rows said, kept with each request for logs: a nullable column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0047_linked_in_part"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="logrequest",
            name="record",
            field=models.JSONField(
                editable=False, null=True, verbose_name="Привязка прежних звонков"
            ),
        ),
    ]
