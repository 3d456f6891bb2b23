"""Whether calls that a replay makes of rejected records are held back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0035_file_imports"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="rejectedrecord",
            name="hold_back",
            field=models.PositiveSmallIntegerField(
                blank=True,
                choices=[(1, "Загружен без отправки"), (2, "Пробный")],
                null=True,
                verbose_name="Сам не отправляется",
            ),
        ),
    ]
