import os

from tests.neighbours.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.neighbours.sentry.apps.ProjectConfig"]
RENDITIONS = {
    **RENDITIONS,
    "KEY_SETS": {**RENDITIONS["KEY_SETS"], "deadly": [("deadly", "filters__deadly__url")]},
    "WORKERS": {"MAX_ATTEMPTS": 2, "BACKOFF_S": 1},
}
# For the worker: the database and the files of the tests.
DATABASES["default"]["NAME"] = os.environ.get("SENTRY_DATABASE", DATABASES["default"]["NAME"])
MEDIA_ROOT = os.environ.get("SENTRY_MEDIA", MEDIA_ROOT)
