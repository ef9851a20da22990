from tests.neighbours.settings import *

INSTALLED_APPS = [
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.users",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    *INSTALLED_APPS,
    "tests.neighbours.wagtail.apps.ProjectConfig",
]
ROOT_URLCONF = "tests.neighbours.wagtail.urls"
WAGTAIL_SITE_NAME = "tests"
WAGTAILADMIN_BASE_URL = "http://testserver"
DATABASE_ROUTERS = ["tests.neighbours.wagtail.routers.DatabaseOfTheTest"]
# Wagtail's migrations work in the database "default" only, and take half a minute.
MIGRATION_MODULES = dict.fromkeys(
    (
        "project",
        "taggit",
        "wagtailadmin",
        "wagtailcore",
        "wagtaildocs",
        "wagtailimages",
        "wagtailusers",
    )
)
