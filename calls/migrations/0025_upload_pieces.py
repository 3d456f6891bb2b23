"""The bytes of new upload files are stored in pieces; files stored before stay where they are.

New tables and columns only: no row is read or written.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0024_delivery_decided"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="uploadfile", name="body", field=models.BinaryField(null=True)
        ),
        migrations.AddField(
            model_name="uploadfile",
            name="size",
            field=models.PositiveBigIntegerField(null=True, verbose_name="Размер, байт"),
        ),
        migrations.CreateModel(
            name="UploadPiece",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_row", models.PositiveIntegerField(verbose_name="Первая строка")),
                ("body", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pieces",
                        to="calls.uploadfile",
                        verbose_name="Файл",
                    ),
                ),
            ],
            options={
                "verbose_name": "часть файла выгрузки",
                "verbose_name_plural": "части файлов выгрузок",
                "constraints": [
                    models.UniqueConstraint(fields=("file", "first_row"), name="upload_piece_once")
                ],
            },
        ),
    ]
