"""Each wrong setting gives exactly its own message."""

from datetime import timedelta

import pytest
from celery import Celery, current_app
from celery.schedules import crontab
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.db import connection, models
from django.test.utils import isolate_apps

from renditions.fields import VersatileImageField
from tests.app.models import Person
from workers import checks
from workers.conf import CELERY, WORKER_SETTINGS
from workers.models import WarmRun


def ids(check) -> list[str]:
    return [message.id for message in check(None)]


@pytest.fixture
def celery_with():
    """Return a function that configures Celery with our settings and some changes."""
    before = current_app._get_current_object()

    def configure(**changes):
        settings = {**CELERY, "broker_url": "redis://localhost/0", **changes}
        return Celery("checked", config_source=settings, set_as_current=True)

    yield configure
    before.set_current()


def test_a_correct_project_gets_no_message(db):
    ours = [m for m in run_checks() if (m.id or "").startswith("rendition_workers")]

    assert ours == []


def test_every_check_is_registered():
    registered = registry.get_checks(include_deployment_checks=True)
    for name in (
        "check_settings",
        "check_celery",
        "check_databases",
        "check_keys",
        "check_redis",
        "check_tables",
        "check_beat_rows",
    ):
        assert getattr(checks, name) in registered


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        (None, []),
        ([], []),
        ("fast", ["rendition_workers.E011"]),
        (7, ["rendition_workers.E011"]),
        ({"MAX_ATTEMPS": 3}, ["rendition_workers.E012"]),
        ({"max_attempts": 3}, ["rendition_workers.E012"]),
        ({"MAX_ATTEMPTS": 1}, []),
        ({"MAX_ATTEMPTS": 0}, ["rendition_workers.E013"]),
        ({"MAX_ATTEMPTS": -1}, ["rendition_workers.E013"]),
        ({"MAX_ATTEMPTS": "3"}, ["rendition_workers.E013"]),
        ({"MAX_ATTEMPTS": True}, ["rendition_workers.E013"]),
        ({"MAX_ATTEMPTS": 2.5}, ["rendition_workers.E013"]),
        ({"MAX_ATTEMPTS": None}, ["rendition_workers.E013"]),
        ({"MAX_QUEUED": 0}, ["rendition_workers.E013"]),
        ({"CHUNK_SIZE": 0}, ["rendition_workers.E013"]),
        ({"LEASE_S": 75}, ["rendition_workers.E020"]),
        ({"LEASE_S": 76}, []),
        ({"HARD_TIME_LIMIT_S": 60}, ["rendition_workers.E020"]),
        ({"SOFT_TIME_LIMIT_S": 90}, ["rendition_workers.E020"]),
        (
            {"SOFT_TIME_LIMIT_S": 3, "HARD_TIME_LIMIT_S": 2, "LEASE_S": 1},
            ["rendition_workers.E020", "rendition_workers.E020"],
        ),
        ({"BACKOFF_S": 901}, ["rendition_workers.E021"]),
        ({"BACKOFF_S": 900}, []),
        ({"MAX_ATTEMPTS": 0, "BACKOFF_S": 901}, ["rendition_workers.E013"]),
    ],
    ids=str,
)
def test_worker_settings(settings, given, expected):
    """A wrong value, an unknown key and contradictory times have different ids."""
    settings.RENDITIONS = {"WORKERS": given}

    assert ids(checks.check_settings) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["WORKERS"], "renditions.E001"),
        ({"MAX_DECODE_BYTES": "many"}, "renditions.E003"),
        ({"MAX_PIXELS": None}, "renditions.E003"),
        ({"WORKERS": "fast"}, "rendition_workers.E011"),
        ({"WORKERS": {"LEASE_S": "90"}}, "rendition_workers.E013"),
        ({"WORKERS": {"SOFT_TIME_LIMIT_S": None}}, "rendition_workers.E013"),
    ],
    ids=str,
)
def test_a_wrong_setting_breaks_no_other_check(db, settings, given, expected):
    """`manage.py check` ends and reports the mistake, whatever is set."""
    settings.RENDITIONS = given

    assert expected in {message.id for message in run_checks()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"broker_url": "rediss://localhost/0"}, []),
        (
            {"broker_transport_options": {"visibility_timeout": 90, "socket_timeout": 1}},
            ["rendition_workers.W030"],
        ),
        ({"broker_transport_options": {"visibility_timeout": 91, "socket_timeout": 1}}, []),
        ({"broker_transport_options": {"socket_timeout": 1}}, []),
        ({"broker_transport_options": {"visibility_timeout": 91}}, ["rendition_workers.W031"]),
        ({"broker_transport_options": {}}, ["rendition_workers.W031"]),
        ({"broker_transport_options": {}, "broker_url": "amqp://localhost"}, []),
        ({"accept_content": ["json", "pickle"]}, ["rendition_workers.W032"]),
        ({"accept_content": ["application/x-python-serialize"]}, ["rendition_workers.W032"]),
        ({"beat_schedule": {}}, ["rendition_workers.W033"]),
        ({"beat_schedule": {"mine": {"task": "renditions.sweep", "schedule": 15}}}, []),
    ],
    ids=str,
)
def test_celery_settings(celery_with, changes, expected):
    """Each setting of Celery that would lose or delay work has its own message."""
    celery_with(**changes)

    assert ids(checks.check_celery) == expected


class PicturesElsewhere:
    """A router that writes people to a database without a ledger."""

    def db_for_write(self, model, **hints):
        return "default"

    def allow_migrate(self, db, app_label, **hints):
        return app_label != "rendition_workers"


def test_a_warmed_model_in_a_database_without_a_ledger_is_named(settings):
    """A save and its job would be two commits."""
    settings.DATABASE_ROUTERS = [PicturesElsewhere()]

    found = checks.check_databases(None)

    assert {message.id for message in found} == {"rendition_workers.E040"}
    assert Person._meta.get_field("headshot") in [message.obj for message in found]


@pytest.mark.parametrize("key", WORKER_SETTINGS)
def test_every_default_is_valid(key):
    assert WORKER_SETTINGS[key].accepts(WORKER_SETTINGS[key].default)


def test_a_primary_key_that_does_not_fit_into_the_ledger_is_named(monkeypatch):
    """The mistake is known before the first save."""

    def model(name: str, **fields: models.Field) -> type[models.Model]:
        meta = type("Meta", (), {"app_label": "app"})
        image = VersatileImageField(warm="hero")
        return type(
            name, (models.Model,), {"__module__": __name__, "Meta": meta, "image": image, **fields}
        )

    with isolate_apps("tests.app"):
        seat = model(
            "Seat",
            pk=models.CompositePrimaryKey("row", "number"),
            row=models.IntegerField(),
            number=models.IntegerField(),
        )
        tag = model("Tag", code=models.CharField(max_length=256, primary_key=True))
        short = model("Short", code=models.CharField(max_length=255, primary_key=True))
    fields = [made._meta.get_field("image") for made in (seat, tag, short)]
    monkeypatch.setattr(checks, "all_watched_fields", lambda: fields)

    messages = checks.check_keys(None)

    assert [message.id for message in messages] == ["rendition_workers.E041"] * 2
    assert (
        "app.Seat.image declares `warm` or `cleanup`, but the primary key of its model has several"
        in messages[0].msg
    )
    assert "may be longer than 255 characters" in messages[1].msg


@pytest.mark.parametrize("visibility", [None, "300", 10])
def test_a_visibility_timeout_of_the_wrong_type_is_reported(celery_with, visibility):
    celery_with(broker_transport_options={"visibility_timeout": visibility, "socket_timeout": 1})

    [message] = checks.check_celery(None)[:1]

    assert message.id == "rendition_workers.W030"
    assert repr(visibility) in message.msg


# ---- silence is a fault ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"task_routes": {}}, ["rendition_workers.W035"]),
        ({"task_routes": None}, ["rendition_workers.W035"]),
        ({"task_routes": [{"renditions.*": {"queue": "renditions"}}]}, []),
        ({"task_routes": {"renditions.*": "renditions"}}, []),
    ],
)
def test_routes_that_were_emptied_are_told(celery_with, monkeypatch, changes, expected):
    """Without them the sweep of beat goes to a queue that rendition workers do not consume."""
    # Other tests leave apps that route our tasks.
    monkeypatch.setattr("workers.dispatch._get_active_apps", list)
    celery_with(**changes)

    assert ids(checks.check_celery) == expected


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (30, []),
        (crontab(), []),
        (crontab(minute="*/5"), ["rendition_workers.W036"]),
        (crontab(minute=0), ["rendition_workers.W036"]),
        (crontab(hour="8-17"), ["rendition_workers.W036"]),
        (crontab(day_of_week="1-5"), ["rendition_workers.W036"]),
        (crontab(month_of_year="1"), ["rendition_workers.W036"]),
        (crontab(minute="0-50"), ["rendition_workers.W036"]),
        (timedelta(minutes=10), ["rendition_workers.W036"]),
        (600, ["rendition_workers.W036"]),
    ],
)
def test_a_sweep_that_is_rarer_than_the_lease_is_told(celery_with, every, expected):
    """A job whose worker died would wait for it."""
    celery_with(beat_schedule={"mine": {"task": "renditions.sweep", "schedule": every}})

    assert ids(checks.check_celery) == expected


@pytest.mark.parametrize("path", ["shop.celery.app", "tests.settings.BASE"])
def test_a_celery_app_that_is_none_is_told(configure, path):
    """The settings name one that cannot be imported, or that is something else."""
    configure(WORKERS={"CELERY_APP": path})

    assert ids(checks.check_celery) == ["rendition_workers.E023"]


REDIS = "django.core.cache.backends.redis.RedisCache"


@pytest.mark.parametrize(
    ("broker", "location", "expected"),
    [
        ("redis://localhost/0", "redis://127.0.0.1:6379/0", ["rendition_workers.W037"]),
        ("redis://localhost/0", "redis://127.0.0.1:6379", ["rendition_workers.W037"]),
        ("redis://localhost/0", "redis://localhost:6379/1", []),
        ("redis://localhost:6380/0", "redis://localhost/0", []),
        ("redis+socket:///tmp/v?virtual_host=0", "unix:///tmp/v?db=0", ["rendition_workers.W037"]),
        ("redis+socket:///tmp/v?virtual_host=0", "unix:///tmp/v?db=1", []),
        ("amqp://localhost//", "redis://localhost/0", []),
    ],
)
def test_a_broker_and_a_cache_in_one_database_are_told(
    celery_with, settings, configure, broker, location, expected
):
    """To clear the cache would delete all messages."""
    celery_with(broker_url=broker)
    settings.CACHES = {**settings.CACHES, "records": {"BACKEND": REDIS, "LOCATION": location}}
    configure(CACHE="records")

    assert ids(checks.check_redis) == expected


@pytest.mark.parametrize(
    ("broker", "location", "options", "expected"),
    [
        ("redis://localhost/1", "redis://localhost", {"db": 1}, ["rendition_workers.W037"]),
        ("redis://localhost/0", "redis://localhost", {"db": 1}, []),
        ("redis://localhost/0", "redis://localhost/0", {"db": 1}, ["rendition_workers.W037"]),
    ],
)
def test_a_cache_may_have_its_database_in_the_options(
    celery_with, settings, configure, broker, location, options, expected
):
    """The one in the address has precedence, as for Django."""
    celery_with(broker_url=broker)
    records = {"BACKEND": REDIS, "LOCATION": location, "OPTIONS": options}
    settings.CACHES = {**settings.CACHES, "records": records}
    configure(CACHE="records")

    assert ids(checks.check_redis) == expected


@pytest.mark.django_db(transaction=True)
def test_a_ledger_that_was_not_migrated_is_told():
    """Before the first save fails."""
    assert ids(checks.check_tables) == []

    with connection.schema_editor() as editor:
        editor.alter_db_table(WarmRun, "rendition_workers_warmrun", "away")
    try:
        [message] = checks.check_tables(None)
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(WarmRun, "away", "rendition_workers_warmrun")

    assert message.id == "rendition_workers.E042"
    assert "migrate" in message.hint
