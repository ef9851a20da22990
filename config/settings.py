"""Settings of this installation, read from environment variables; `.env.example` lists them."""

from pathlib import Path

import environ

from renditions import Picture

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

# --- Access ---

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# False only if browsers use plain HTTP: in the demo, or in a test of the containers.
HTTPS = env.bool("HTTPS", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Probes come past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
if env.bool("BEHIND_PROXY", default=False):
    # Only if a proxy always sets this header: otherwise any client can claim HTTPS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # blob: is a file chosen in the admin. IMAGE_ORIGINS has the host of an object store.
        " ".join(["img-src 'self' data: blob:", *env.list("IMAGE_ORIGINS", default=[])]),
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

# --- Apps, middleware, templates ---

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "renditions",
    "workers",
    "config.gallery",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.gallery.middleware.content_security_policy",
    # Before the first text: a thread keeps the language of the request that it served before.
    "django.middleware.locale.LocaleMiddleware",
    # Before any middleware reads the body.
    "config.gallery.middleware.refuse_large_bodies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

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

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
# For browsers that ask for none of LANGUAGES.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español")]
LOGIN_URL = "admin:login"

# --- Database, broker, cache, files ---

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR}/var/db.sqlite3")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        # With WAL, readers never wait for a writer. A writer waits up to `timeout` seconds for
        # another one, but only if the transaction takes its lock at the start: IMMEDIATE.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# Broker and cache need different databases: clearing the cache empties its whole database.
CELERY_BROKER_URL = env.str("BROKER_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.str("CACHE_URL", default="redis://127.0.0.1:6379/1"),
        # Seconds that a page waits for a cache that does not answer.
        "OPTIONS": {"socket_timeout": 1},
    },
    # Counts uploads in each web process. It is not in Redis: uploads must work without Redis.
    "throttling": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

MEDIA_URL = env.str("MEDIA_URL", default="/media/")
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / "var/media"))
# On one machine. Otherwise a proxy or the object store serves the files.
SERVE_MEDIA = env.bool("SERVE_MEDIA", default=False)
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "var/static"))
# Without collectstatic, serve the files from the packages.
WHITENOISE_USE_FINDERS = not (Path(STATIC_ROOT) / "gallery").is_dir()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_BUCKET = env.str("MEDIA_BUCKET", default="")
if MEDIA_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            "endpoint_url": env.str("MEDIA_ENDPOINT", default="") or None,
            "querystring_auth": False,
        },
    }

# --- Pictures ---

MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_MB", default=32) * 1024 * 1024
# Larger uploads go to a temporary file, not to memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000  # the admin's list of jobs sends one field for each job
DATA_UPLOAD_MAX_NUMBER_FILES = 4
FILE_UPLOAD_PERMISSIONS = 0o644

RENDITIONS = {
    "KEY_SETS": {
        # In the list of all photos, which has one to three columns.
        "card": Picture(
            widths=[384, 768],
            ratio="3/2",
            formats=["webp"],
            sizes="(min-width: 76rem) 363px, (min-width: 59rem) 31vw, (min-width: 39rem) 46vw, "
            "calc(100vw - 2rem)",
        ),
        # On the page of one photo.
        "photo": Picture(
            widths=[400, 800, 1600],
            formats=["webp"],
            sizes="(min-width: 73.5rem) 50rem, (min-width: 60rem) calc(100vw - 23.5rem), "
            "(min-width: 25rem) 92vw, calc(100vw - 2rem)",
        ),
        # Single renditions: the page of one photo lists them, and the API has their URLs.
        "gallery": [
            ("original", "url"),
            ("hero", "crop__1600x800"),
            ("card", "crop__600x400"),
            ("square", "crop__400x400"),
            ("tall", "crop__400x600"),
            ("negative", "filters__invert__crop__400x400"),
            ("small", "thumbnail__200x200"),
        ],
    },
    # Workers make renditions, never a page.
    "ON_DEMAND": False,
    # A picture appears with its first rendition, and a box of its shape stands for it until then.
    "UNTIL_READY": "nearest",
    "JPEG_QUALITY": 80,
    "WEBP_QUALITY": 78,
    "MAX_FILE_BYTES": MAX_UPLOAD_BYTES,
    "WORKERS": {
        # A job whose message a killed worker had reserved is sent again after this.
        "RESEND_AFTER_S": 20,
        # Who sends it may read /metrics; without one, only clients on this machine.
        "METRICS_TOKEN": env.str("METRICS_TOKEN", default=""),
        "METRICS_PORT": env.int("METRICS_PORT", default=None),
        "METRICS_ADDRESS": env.str("METRICS_ADDRESS", default="127.0.0.1"),
    },
}

# --- Metrics ---

# Each process writes its counts to a file in this folder.
if METRICS_FOLDER := env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
    Path(METRICS_FOLDER).mkdir(parents=True, exist_ok=True)

# --- The API ---

# Whether visitors may add photos without logging in.
ANONYMOUS_UPLOADS = env.bool("ANONYMOUS_UPLOADS", default=False)
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.MultiPartParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_THROTTLE_RATES": {
        "uploads": env.str("UPLOAD_RATE", default="60/min"),
        "reads": env.str("READ_RATE", default="1200/min"),
    },
    "PAGE_SIZE": 24,
    # Proxies in front of the web server. Otherwise all clients share one rate limit.
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
}

# --- Logs ---

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
