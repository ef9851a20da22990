"""Once everything runs: the first pictures, an admin for this run, and where to go."""

import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import django

from .pictures import sample_pictures
from .places import Demo

PATIENCE_S = 60

TEXT = """
  The gallery is ready. Upload a photograph and watch.

    Pages    {address}
    Admin    {address}admin/   name: admin   password: {password}   (for this run)
    Upload   curl -F title=Harbour -F image=@photo.jpg {address}api/photos/

    Logs     {logs}
    What runs, with process ids to kill:
             {supervisorctl} -c {config} status

  Ctrl-C ends it all. The photos stay for the next start, in {folder}
"""


def main() -> None:
    """Wait for the parts, then say that the demo is ready."""
    django.setup()
    from config.gallery.models import Photo

    demo = Demo.from_environment()
    password = _admin_password()
    # Drawn while the others start, saved when they have: making renditions takes both cores.
    pictures = [] if Photo.objects.exists() else list(sample_pictures())
    _wait_for(_broker_answers, "the broker", demo.logs)
    _wait_for(lambda: _web_answers(demo), "the web server", demo.logs)
    for title, file, ppoi in pictures:
        Photo.objects.create(title=title, image=file, image_ppoi=ppoi)
    text = TEXT.format(
        address=demo.address,
        password=password,
        logs=_short(demo.logs),
        supervisorctl=_short(Path(sys.executable).with_name("supervisorctl")),
        config=_short(demo.supervisor_config),
        folder=_short(demo.folder),
    )
    sys.stdout.write(text + "\n")
    if sys.platform != "linux":
        sys.stdout.write(
            "  On this system a supervisor killed with -9 leaves its processes behind: end them "
            "yourself.\n\n"
        )


def _admin_password() -> str:
    from django.contrib.auth import get_user_model

    password = secrets.token_urlsafe(9)
    admin, _ = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    admin.set_password(password)
    admin.save()
    return password


def _broker_answers() -> bool:
    from kombu.exceptions import OperationalError

    from config import celery_app

    try:
        with celery_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=1)
    except OperationalError:
        return False
    return True


def _web_answers(demo: Demo) -> bool:
    try:
        with urllib.request.urlopen(f"{demo.address}health/", timeout=5):  # noqa: S310
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _wait_for(answers: Callable[[], bool], who: str, logs: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not answers():
        if time.monotonic() > deadline:
            sys.exit(f"  After {PATIENCE_S} s {who} does not answer. See why in {_short(logs)}")
        time.sleep(0.05)


def _short(path: Path) -> str:
    """Return the path as somebody in the checkout would type it."""
    here = Path.cwd()
    return os.fspath(path.relative_to(here)) if path.is_relative_to(here) else os.fspath(path)


if __name__ == "__main__":
    main()
