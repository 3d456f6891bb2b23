"""A name that says until when a renewal counts; nothing in the database changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0005_no_token_after_disconnect"),
    ]

    operations = [
        migrations.AlterField(
            model_name="yandexaccount",
            name="renewed_at",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="Ключ продлён, ещё не принят"
            ),
        ),
    ]
