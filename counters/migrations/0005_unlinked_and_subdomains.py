"""What becomes of calls without an identifier, and whether subdomains belong to a site."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("counters", "0004_accepts_from")]

    operations = [
        migrations.AddField(
            model_name="counter",
            name="with_subdomains",
            field=models.BooleanField(default=False, verbose_name="С поддоменами"),
        ),
        migrations.AddField(
            model_name="counter",
            name="unlinked_mode",
            field=models.CharField(
                choices=[
                    ("static", "Передавать как непривязанные"),
                    ("skip", "Не передавать"),
                ],
                default="static",
                max_length=8,
                verbose_name="Звонки без идентификатора",
            ),
        ),
    ]
