"""The settings of the test suite: library and workers, with SQLite and a cache in memory."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

BASE = Path(tempfile.gettempdir()) / f"renditions-tests-{os.getpid()}"

SECRET_KEY = "tests"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
# The fastest one: no test is about passwords.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "renditions",
    "workers",
    "tests.app",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE / "db.sqlite3",
        "TEST": {"NAME": BASE / "test.sqlite3"},
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
MEDIA_ROOT = BASE / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"

BASE.mkdir(parents=True, exist_ok=True)


@atexit.register
def _clean_up(made_by: int = os.getpid()) -> None:
    # A forked child has this handler as well, and must not delete the folder.
    if os.getpid() == made_by:
        shutil.rmtree(BASE, ignore_errors=True)


RENDITIONS = {
    "ON_DEMAND": False,
    "KEY_SETS": {
        "headshot": [
            ("full", "url"),
            ("large", "crop__120x60"),
            ("small", "thumbnail__50x50"),
            ("bare", "40x40"),
            ("inverted", "filters__invert__url"),
            ("inverted_small", "filters__invert__crop__30x30"),
        ],
        "hero": [("hero", "thumbnail__100x100")],
        "lead": {"widths": [40, 80, 160], "ratio": "2/1", "formats": ["webp"]},
    },
}
