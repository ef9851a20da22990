from tests.neighbours.settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.neighbours.import_export.apps.ProjectConfig",
    "import_export",
]
