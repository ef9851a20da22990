from tests.neighbours.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.neighbours.model_utils.apps.ProjectConfig"]
