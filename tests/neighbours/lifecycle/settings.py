from tests.neighbours.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.neighbours.lifecycle.apps.ProjectConfig"]
