"""Add the sample pictures and an admin user, and print where to go, once everything runs."""

import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import django

from .environment import Demo
from .pictures import sample_pictures

START_S = 60

TEXT = """
  The demo is ready. Open the gallery and upload a photograph:

    Gallery   {address}
    Admin     {address}admin/   user: admin   password: {password}   (new at each start)

  Upload from another terminal:
    curl -F title=Harbour -F image=@photo.jpg {address}api/photos/

  List the processes with their ids (kill one: it is started again, and nothing is lost):
    {supervisorctl} -c {config} status

  See what is owed and what runs, and more with --help:
    make manage ARGS='renditions status'

  Log files: {logs}
  Press Ctrl-C to stop. The photographs stay in {folder} for the next start.
"""


def main() -> None:
    """Wait until the broker and the web server answer, then print the banner."""
    django.setup()
    from config.gallery.models import Photo

    demo = Demo.from_environment()
    password = _admin_password()
    # Draw them while the other processes start. Save them later: rendering would slow the start.
    pictures = [] if Photo.objects.exists() else list(sample_pictures())
    _wait_for(_broker_answers, "The broker", demo.logs)
    _wait_for(lambda: _web_answers(demo), "The web server", demo.logs)
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
            "  On this system, kill -9 of the supervisor leaves the other processes running: "
            "end them by hand.\n\n"
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


def _wait_for(answers: Callable[[], bool], name: str, logs: Path) -> None:
    deadline = time.monotonic() + START_S
    while not answers():
        if time.monotonic() > deadline:
            sys.exit(f"  {name} does not answer after {START_S} s. Its log is in {_short(logs)}")
        time.sleep(0.05)


def _short(path: Path) -> str:
    """Return the path relative to the current folder, if it is in it."""
    here = Path.cwd()
    return os.fspath(path.relative_to(here)) if path.is_relative_to(here) else os.fspath(path)


if __name__ == "__main__":
    main()
