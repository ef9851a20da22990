from tests.neighbours.settings import *

INSTALLED_APPS = ["polymorphic", *INSTALLED_APPS, "tests.neighbours.polymorphic.apps.ProjectConfig"]
