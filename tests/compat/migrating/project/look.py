"""Save the files in pictures/, render every page, and print the results as JSON."""

import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.core.files.base import ContentFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402
from shop.people.models import Person  # noqa: E402
from shop.people.serializers import PersonSerializer  # noqa: E402
from versatileimagefield.image_warmer import VersatileImageFieldWarmer  # noqa: E402

call_command("migrate", verbosity=0)
if not Person.objects.exists():
    for picture in sorted(Path("pictures").iterdir()):
        point = (0.25, 0.8) if "portrait" in picture.name else (0.5, 0.5)
        person = Person(name_first=picture.stem, name_last="Of Old")
        person.headshot.save(picture.name, ContentFile(picture.read_bytes()), save=False)
        person.headshot.ppoi = point
        person.save()

people = Person.objects.order_by("pk")
request = APIRequestFactory().get("/")
seen = {
    "rows": list(people.values_list("name_first", "headshot", "width", "height", "badge")),
    "points": [person.headshot.ppoi for person in people],
    "template": render_to_string("people/list.html", {"people": people}),
    "api": PersonSerializer(people, many=True, context={"request": request}).data,
    "warmed": VersatileImageFieldWarmer(people, "person_headshot", "headshot").warm(),
    "names": [
        [
            person.headshot.crop["33x44"].name,
            person.headshot.filters.invert.letterbox["33x44"].name,
            str(person.headshot.thumbnail["33x44"]),
            person.badge.url,
            str(person.headshot.crop),
            str(person.headshot.filters.grey.letterbox),
        ]
        for person in people
    ],
}
sys.stdout.write(json.dumps(seen, sort_keys=True))
