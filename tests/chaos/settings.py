"""The settings of every process of a run."""

import os

from .environment import Environment

ENVIRONMENT = Environment.of_this_process()

SECRET_KEY = "chaos"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.chaos.app.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "renditions",
    # Before `workers`: a guard must be taken out before `workers` uses it at its start.
    "tests.chaos.app.apps.ChaosConfig",
    "workers",
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
DATABASES = {"default": dict(ENVIRONMENT.database)}
if os.environ.get("CHAOS_ROLE") != "worker":
    # With SERIALIZABLE isolation a transaction may fail and must be repeated. Workers do that. The
    # run, which saves pictures, does not.
    DATABASES["default"]["OPTIONS"] = {
        name: value
        for name, value in ENVIRONMENT.database["OPTIONS"].items()
        if name != "isolation_level"
    }
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENVIRONMENT.cache_url,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 0.5},
    }
}
MEDIA_ROOT = str(ENVIRONMENT.media)
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
STORAGES = {
    "default": dict(ENVIRONMENT.storage) or {"BACKEND": "tests.chaos.app.storages.TroubledStorage"},
    "elsewhere": {
        "BACKEND": "tests.chaos.app.storages.TroubledStorage",
        "OPTIONS": {"location": f"{ENVIRONMENT.folder}/elsewhere", "base_url": "/elsewhere/"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Not in the cache: pages must work without it.
SESSION_ENGINE = "django.contrib.sessions.backends.db"


class _KeySets(dict[str, object]):
    """Key sets that get one more key when the file `more-keys` exists; see `growing_key_sets`."""

    def __getitem__(self, name: str) -> object:
        keys = super().__getitem__(name)
        more = name == "eight" and ENVIRONMENT.more_keys.exists()
        return [*keys, ("more", "thumbnail__70x70")] if more else keys  # type: ignore[misc]


_KEY_SETS = {
    "eight": [
        ("wide", "crop__120x60"),
        ("tall", "crop__90x120"),
        ("square", "crop__100x100"),
        ("tiny", "crop__40x40"),
        ("large", "thumbnail__200x200"),
        ("medium", "thumbnail__100x100"),
        ("small", "thumbnail__50x50"),
        ("negative", "filters__invert__crop__30x30"),
    ],
    "three": [
        ("square", "crop__100x100"),
        ("small", "thumbnail__50x50"),
        ("negative", "filters__invert__crop__30x30"),
    ],
    "trap": [("trap", "trap__20x20"), ("small", "thumbnail__50x50")],
}
RENDITIONS = {
    "ON_DEMAND": False,
    "KEY_SETS": _KeySets(_KEY_SETS),
    "WORKERS": {
        "MAX_ATTEMPTS": 4,
        "BACKOFF_S": 1,
        "BACKOFF_MAX_S": 3,
        "SOFT_TIME_LIMIT_S": 8,
        "HARD_TIME_LIMIT_S": 10,
        "LEASE_S": 12,
        "RESEND_AFTER_S": 3,
        "CHUNK_SIZE": 50,
        **ENVIRONMENT.workers,
    },
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    # Failures are injected, so only the logs of workers show them.
    "root": {
        "handlers": ["console"],
        "level": "WARNING" if os.environ.get("CHAOS_ROLE") == "worker" else "ERROR",
    },
}
