from tests.neighbours.settings import *

INSTALLED_APPS = ["unfold", *INSTALLED_APPS, "tests.neighbours.unfold.apps.ProjectConfig"]
