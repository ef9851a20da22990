from rest_framework import serializers
from versatileimagefield.serializers import VersatileImageFieldSerializer

from .models import Person


class PersonSerializer(serializers.ModelSerializer):
    headshot = VersatileImageFieldSerializer(sizes="person_headshot")
    badge = VersatileImageFieldSerializer(sizes=[("full", "url"), ("small", "crop__20x20")])

    class Meta:
        model = Person
        fields = ("name_first", "name_last", "headshot", "badge")
