from django.db import migrations, models

import config.gallery.uploads
import renditions.fields
import renditions.meta


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Photo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                (
                    "image",
                    renditions.fields.VersatileImageField(
                        db_index=True,
                        height_field="image_height",
                        upload_to=config.gallery.uploads.stored_name,
                        validators=[config.gallery.uploads.check_picture],
                        verbose_name="image",
                        width_field="image_width",
                    ),
                ),
                (
                    "image_ppoi",
                    renditions.fields.PPOIField(
                        default="0.5x0.5",
                        editable=False,
                        max_length=20,
                        verbose_name="focal point of the image",
                    ),
                ),
                (
                    "image_width",
                    models.PositiveIntegerField(
                        editable=False, null=True, verbose_name="width of the image"
                    ),
                ),
                (
                    "image_height",
                    models.PositiveIntegerField(
                        editable=False, null=True, verbose_name="height of the image"
                    ),
                ),
                (
                    "image_meta",
                    renditions.meta.PictureMetaField(verbose_name="facts of the image"),
                ),
                (
                    "added_at",
                    models.DateTimeField(auto_now_add=True, verbose_name="added at"),
                ),
            ],
            options={
                "verbose_name": "photo",
                "verbose_name_plural": "photos",
                "ordering": ["-id"],
            },
        ),
    ]
