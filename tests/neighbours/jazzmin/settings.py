from tests.neighbours.settings import *

INSTALLED_APPS = ["jazzmin", *INSTALLED_APPS, "tests.neighbours.jazzmin.apps.ProjectConfig"]
