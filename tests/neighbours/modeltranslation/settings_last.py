from tests.neighbours.settings import *

OURS = ["renditions", "workers"]
# Before the admin, as django-modeltranslation asks for.
INSTALLED_APPS = [
    *OURS,
    "modeltranslation",
    *(app for app in INSTALLED_APPS if app not in OURS),
    "tests.neighbours.modeltranslation.apps.ProjectConfig",
]
LANGUAGES = [("en", "English"), ("de", "German")]
LANGUAGE_CODE = "en"
