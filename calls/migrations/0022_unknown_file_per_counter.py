"""A file that the database does not know is recorded for every counter with its number.

The table has a row only for files found after a restore, so its index is built at once.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0021_restore_epoch"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="unknownfile",
            name="marker",
            field=models.CharField(max_length=40, verbose_name="Метка"),
        ),
        migrations.AddConstraint(
            model_name="unknownfile",
            constraint=models.UniqueConstraint(
                fields=("marker", "counter"), name="unknown_file_once"
            ),
        ),
    ]
