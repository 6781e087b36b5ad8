from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("history", "0001_initial"),)
    operations = (
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("pseudonym", models.CharField(max_length=64, unique=True)),
                ("until_us", models.BigIntegerField()),
            ],
        ),
    )
