from tests.neighbours.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.neighbours.ninja.apps.ProjectConfig"]
ROOT_URLCONF = "tests.neighbours.ninja.urls"
