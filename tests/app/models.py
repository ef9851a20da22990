"""Models as a project would write them."""

from pathlib import Path

from django.db import models

from renditions.fields import PictureMetaField, PPOIField, VersatileImageField
from renditions.placeholder import OnDiscPlaceholderImage, OnStoragePlaceholderImage


class Person(models.Model):
    """Warmed after a save."""

    name = models.CharField(max_length=80, blank=True)
    headshot = VersatileImageField(
        upload_to="people", blank=True, ppoi_field="headshot_ppoi", warm="headshot"
    )
    headshot_ppoi = PPOIField()

    def __str__(self) -> str:
        return self.name


class Story(models.Model):
    """Shows a responsive picture, and keeps the facts of it."""

    title = models.CharField(max_length=80, blank=True)
    lead = VersatileImageField(
        upload_to="stories", blank=True, ppoi_field="lead_ppoi", warm="lead", meta_field="lead_meta"
    )
    lead_ppoi = PPOIField()
    lead_meta = PictureMetaField()

    def __str__(self) -> str:
        return self.title


class Editor(Person):
    """Inherits the warmed field across tables."""

    desk = models.CharField(max_length=80, blank=True)


class PlainPerson(models.Model):
    """A person without us: the same columns with Django's own field."""

    name = models.CharField(max_length=80, blank=True)
    headshot = models.ImageField(upload_to="people", blank=True)

    def __str__(self) -> str:
        return self.name


class PlainEditor(PlainPerson):
    """Inherits across tables."""

    desk = models.CharField(max_length=80, blank=True)


class Album(models.Model):
    """Has many people of both kinds."""

    people = models.ManyToManyField(Person)
    plain_people = models.ManyToManyField(PlainPerson)

    def __str__(self) -> str:
        return str(self.pk)


class Brochure(models.Model):
    """A picture in two languages, and one focal point for both."""

    title = models.CharField(max_length=20, blank=True)
    cover_en = VersatileImageField(upload_to="brochures", blank=True, ppoi_field="ppoi")
    cover_de = VersatileImageField(upload_to="brochures", blank=True, ppoi_field="ppoi")
    ppoi = PPOIField()


class Author(Person):
    """The same rows under another class."""

    class Meta:
        proxy = True


class Poster(models.Model):
    """Its former pictures are taken away, with their originals."""

    title = models.CharField(max_length=20, blank=True)
    image = VersatileImageField(
        upload_to="posters", blank=True, ppoi_field="ppoi", warm="headshot", cleanup="all"
    )
    ppoi = PPOIField()


class FramedPoster(Poster):
    """Inherits across tables."""

    frame = VersatileImageField(upload_to="posters", blank=True, cleanup="renditions")


class Flyer(models.Model):
    """A field of Django, on the same storage."""

    scan = models.ImageField(upload_to="posters", blank=True)


class Article(models.Model):
    """Warmed by nobody but those who ask; reaches a picture across a relation."""

    author = models.ForeignKey(Person, null=True, on_delete=models.CASCADE)
    lead = VersatileImageField(upload_to="leads", blank=True)


class Card(models.Model):
    """Every kind of image field: sides, focal point, placeholders, none of them."""

    title = models.CharField(max_length=20)
    image = VersatileImageField(
        upload_to="cards", ppoi_field="ppoi", width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    ppoi = PPOIField()
    back = VersatileImageField(
        upload_to="cards",
        blank=True,
        ppoi_field="back_ppoi",
        placeholder_image=OnDiscPlaceholderImage(Path(__file__).parent / "placeholder.png"),
    )
    back_ppoi = PPOIField()
    stamp = VersatileImageField(
        upload_to="cards",
        blank=True,
        placeholder_image=OnStoragePlaceholderImage("stamps/none.png"),
    )
    note = VersatileImageField(upload_to="cards", blank=True)
