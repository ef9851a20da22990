"""The settings of every measured process."""

from .environment import BUCKET, EIGHT, SMALL, Environment

ENVIRONMENT = Environment.of_this_process()

SECRET_KEY = "benchmarks"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.service.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "renditions",
    "workers",
    "benchmarks.service.app",
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
CACHES = {
    "default": {
        "BACKEND": "benchmarks.service.cache.CountedCache",
        "LOCATION": ENVIRONMENT.cache_url,
    }
}
MEDIA_ROOT = f"{ENVIRONMENT.folder}/media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if ENVIRONMENT.store_url:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": BUCKET,
            "endpoint_url": ENVIRONMENT.store_url,
            "access_key": "any",
            "secret_key": "any",
            "region_name": "us-east-1",
            "addressing_style": "path",
            "querystring_auth": False,
        },
    }
RENDITIONS = {
    "ON_DEMAND": False,
    "KEY_SETS": {"small": SMALL, "eight": EIGHT},
    "WORKERS": dict(ENVIRONMENT.workers),
}
