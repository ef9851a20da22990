from tests.neighbours.settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.neighbours.simple_history.apps.ProjectConfig",
    "simple_history",
]
