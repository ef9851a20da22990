from tests.neighbours.settings import *

INSTALLED_APPS = [
    "modeltranslation",
    *INSTALLED_APPS,
    "tests.neighbours.modeltranslation.apps.ProjectConfig",
]
LANGUAGES = [("en", "English"), ("de", "German")]
LANGUAGE_CODE = "en"
