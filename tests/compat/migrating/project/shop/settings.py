from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "a project of before"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "versatileimagefield",
    "shop.people",
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
ROOT_URLCONF = "shop.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
VERSATILEIMAGEFIELD_SETTINGS = {
    "cache_length": 3600,
    "jpeg_resize_quality": 80,
    "webp_resize_quality": 75,
    "sized_directory_name": "__sized__",
    "create_images_on_demand": True,
}
VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = {
    "person_headshot": [
        ("full_size", "url"),
        ("thumbnail", "thumbnail__100x100"),
        ("medium_square_crop", "crop__200x200"),
        ("small_square_crop", "crop__50x50"),
        ("inverted", "filters__invert__url"),
        ("inverted_crop", "filters__invert__crop__60x40"),
        ("letterbox", "letterbox__120x80"),
        ("grey", "filters__grey__url"),
        ("grey_thumbnail", "filters__grey__thumbnail__70x70"),
    ]
}
