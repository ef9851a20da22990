"""The settings of the installation: read from environment variables, with safe defaults."""

import re
import subprocess
import sys

import yaml

from tests.service.processes import CHECKOUT, clean

SETTINGS = (CHECKOUT / "config/settings.py").read_text()
EXAMPLE = (CHECKOUT / ".env.example").read_text()


def django(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a management command of the installation."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=clean(**{"DATABASE_URL": "sqlite://:memory:", **variables}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_variable_is_in_the_example():
    """`.env.example` has exactly the variables that the installation reads."""
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', SETTINGS))
    read |= set(re.findall(r"environ\.get\(.(\w+)", (CHECKOUT / "config/gunicorn.py").read_text()))
    composed = set(re.findall(r"\$\{(\w+)", (CHECKOUT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))

    assert named == read | composed


def test_containers_get_what_the_example_offers():
    """Each active variable of .env.example is passed to the containers."""
    composed = (CHECKOUT / "docker-compose.yml").read_text()
    active = re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE)

    # Containers never run in debug mode.
    assert [name for name in active if f"${{{name}" not in composed] == ["DEBUG"]


def test_compose_variables_are_settings():
    """Each variable that the containers get is read by the settings."""
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    gunicorn = (CHECKOUT / "config/gunicorn.py").read_text()

    assert [
        name for name in services["web"]["environment"] if name not in SETTINGS + gunicorn
    ] == []


def test_defaults_are_safe_to_deploy(tmp_path):
    """With only a secret set, and after `migrate`, `check --deploy` finds nothing."""
    variables = {"SECRET_KEY": "aBcDeF9-" * 10, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    assert django("migrate", **variables).returncode == 0
    checked = django("check", "--deploy", "--fail-level", "INFO", **variables)

    assert checked.returncode == 0, checked.stderr


def test_debug_is_off_unless_asked():
    """By default, error pages show no code."""
    shown = django(
        "shell", "-c", "from django.conf import settings as s; print(s.DEBUG)", SECRET_KEY="x"
    )

    assert shown.stdout.split()[-1] == "False"


def test_secret_must_be_given():
    """There is no default secret: without one, each command fails and names the variable."""
    checked = django("check")

    assert checked.returncode != 0
    assert "SECRET_KEY" in checked.stderr


def test_migrations_are_complete():
    """The migrations of the gallery match its models."""
    made = django("makemigrations", "--check", "--dry-run", SECRET_KEY="x")

    assert made.returncode == 0, made.stdout


def test_process_does_not_start_after_its_parent_ended():
    """parent_death.py runs no command if the expected parent has ended already."""
    begun = subprocess.run(
        [sys.executable, "config/parent_death.py", "1", sys.executable, "-c", "print('begun')"],
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
    )

    assert begun.returncode == -9
    assert begun.stdout == b""
