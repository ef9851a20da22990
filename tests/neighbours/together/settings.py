from tests.neighbours.settings import *

INSTALLED_APPS = [
    "polymorphic",
    *INSTALLED_APPS,
    "tests.neighbours.together.apps.ProjectConfig",
    "simple_history",
    "reversion",
]
