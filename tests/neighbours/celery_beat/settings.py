import os

from tests.neighbours.settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django_celery_beat",
    "tests.neighbours.celery_beat.apps.ProjectConfig",
]
# For the process of beat: the database of the tests.
DATABASES["default"]["NAME"] = os.environ.get("BEAT_DATABASE", DATABASES["default"]["NAME"])
