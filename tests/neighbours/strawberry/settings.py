from tests.neighbours.settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.neighbours.strawberry.apps.ProjectConfig",
    "strawberry_django",
]
ROOT_URLCONF = "tests.neighbours.strawberry.urls"
