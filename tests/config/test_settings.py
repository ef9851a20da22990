"""The settings of the installation come from the environment, and are safe without it."""

import re
import subprocess
import sys

import yaml

from .conftest import CHECKOUT, environment

SETTINGS = (CHECKOUT / "config/settings.py").read_text()
EXAMPLE = (CHECKOUT / ".env.example").read_text()


def django(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return what a command of this installation said."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=environment(DATABASE_URL="sqlite://:memory:", **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_variable_is_in_the_example():
    """`.env.example` names each variable that the settings read, and none that nothing reads."""
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', SETTINGS))
    read |= set(re.findall(r"environ\.get\(.(\w+)", (CHECKOUT / "config/gunicorn.py").read_text()))
    composed = set(re.findall(r"\$\{(\w+)", (CHECKOUT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))

    assert named == read | composed


def test_containers_get_what_the_example_offers():
    """What somebody sets in .env for containers reaches them."""
    composed = (CHECKOUT / "docker-compose.yml").read_text()
    active = re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE)

    # A container is never to run in debug mode.
    assert [name for name in active if f"${{{name}" not in composed] == ["DEBUG"]


def test_compose_variables_are_settings():
    """Compose hands in no variable that nobody reads."""
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    gunicorn = (CHECKOUT / "config/gunicorn.py").read_text()

    assert [
        name for name in services["web"]["environment"] if name not in SETTINGS + gunicorn
    ] == []


def test_defaults_are_safe_to_deploy():
    """With a secret and nothing else, Django's own deployment checks find nothing."""
    checked = django("check", "--deploy", "--fail-level", "INFO", SECRET_KEY="aBcDeF9-" * 10)

    assert checked.returncode == 0, checked.stderr


def test_debug_is_off_unless_asked():
    """Error pages show no code by default."""
    shown = django(
        "shell", "-c", "from django.conf import settings as s; print(s.DEBUG)", SECRET_KEY="x"
    )

    assert shown.stdout.split()[-1] == "False"


def test_secret_must_be_given():
    """There is no secret that everybody knows: without one nothing starts, and it says so."""
    checked = django("check")

    assert checked.returncode != 0
    assert "SECRET_KEY" in checked.stderr


def test_migrations_are_complete():
    """The gallery's model and its migrations say the same."""
    made = django("makemigrations", "--check", "--dry-run", SECRET_KEY="x")

    assert made.returncode == 0, made.stdout


def test_lifeline_ends_a_process_whose_parent_is_gone():
    """A command started through the lifeline does not begin where its parent is not there."""
    begun = subprocess.run(
        [sys.executable, "config/lifeline.py", "1", sys.executable, "-c", "print('begun')"],
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
    )

    assert begun.returncode == -9
    assert begun.stdout == b""
