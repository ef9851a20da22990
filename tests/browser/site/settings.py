"""The settings of the gallery, with the strictest policy that still allows a page its own files."""

from pathlib import Path

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.browser.site.urls"
CONTENT_SECURITY_POLICY = "default-src 'self'"
TEMPLATES[0]["DIRS"] = [Path(__file__).parent / "templates"]  # noqa: F405
