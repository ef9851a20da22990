from tests.neighbours.settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.neighbours.cleanup.apps.ProjectConfig",
    "django_cleanup.apps.CleanupConfig",
]
