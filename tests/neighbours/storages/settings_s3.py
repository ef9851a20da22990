from tests.neighbours.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.neighbours.storages.apps.ProjectConfig"]
STORAGE = "s3"
