"""The settings that we give to users, and the options of our tasks."""

import ast
from pathlib import Path

import pytest
from celery import Celery, Task, current_app
from celery.app.defaults import NAMESPACES, flatten
from kombu.transport.redis import Channel

import workers
from workers import conf, tasks

CELERY_KNOWS = {key for key, _ in flatten(NAMESPACES)}
# kombu.Connection reads these of any transport's options.
CONNECTION_KNOWS = {"max_retries", "interval_start", "interval_step", "interval_max"}
# Options of the decorator, not of the task.
DECORATOR_KNOWS = {"name", "bind", "base"}


@pytest.mark.parametrize("key", conf.CELERY)
def test_celery_knows_every_setting(key):
    """Celery ignores unknown settings without a message."""
    assert key in CELERY_KNOWS


@pytest.mark.parametrize("key", conf.CELERY["broker_transport_options"])
def test_the_transport_knows_every_option(key):
    """The Redis transport ignores unknown options without a message."""
    assert key in {*Channel.from_transport_options, *CONNECTION_KNOWS}


def decorated() -> list[tuple[str, str]]:
    """Return (task, option) for every option that a task is decorated with."""
    tree = ast.parse(Path(tasks.__file__).read_text())
    return [
        (function.name, keyword.arg or "**")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
    ]


@pytest.mark.parametrize(("task", "option"), decorated())
def test_celery_knows_every_option_of_a_task(task, option):
    """Celery ignores unknown options of a task without a message."""
    assert option in DECORATOR_KNOWS or hasattr(Task, option)


def test_every_task_is_decorated():
    """The test above has seen every task."""
    assert {task for task, _ in decorated()} == {
        "warm",
        "sweep",
        "rewarm_all",
        "advance_run",
        "tell",
    }


@pytest.mark.parametrize("entry", conf.CELERY["beat_schedule"].values())
def test_beat_sends_known_tasks_with_known_options(entry):
    current_app.loader.import_module("workers.tasks")

    assert entry["task"] in current_app.tasks
    assert set(entry) <= {"task", "schedule", "options"}
    assert set(entry["options"]) <= {"expires", "expire_seconds", "queue"}


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("renditions.warm", conf.QUEUE),
        ("renditions.sweep", conf.QUEUE),
        ("renditions.rewarm_all", conf.QUEUE),
        ("renditions.advance_run", conf.BULK_QUEUE),
        ("renditions.tell", conf.QUEUE),
    ],
)
def test_every_task_has_its_queue(task, queue):
    """A task that is sent by its name goes to a queue that workers consume."""
    app = Celery("routes", config_source=conf.CELERY, set_as_current=False)

    route = app.amqp.router.route({}, task)

    assert route["queue"].name == queue


def test_tasks_of_the_project_go_to_its_own_queue():
    app = Celery("routes", config_source=conf.CELERY, set_as_current=False)

    assert app.amqp.router.route({}, "shop.bill")["queue"].name == "celery"


def test_all_imports_inside_the_package_are_relative():
    """`workers` is a common name: an absolute import could find another package."""
    for path in Path(workers.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not (node.module or "").startswith("workers"), path


def test_the_settings_follow_the_project_and_have_defaults(configure):
    configure(WORKERS={"LEASE_S": 200})

    assert conf.worker_settings().lease_s == 200
    assert conf.worker_settings().max_attempts == 4

    configure(WORKERS={})
    assert conf.worker_settings().lease_s == 90


@pytest.mark.parametrize("workers", [None, [], "fast"])
def test_settings_of_the_wrong_type_are_the_defaults(configure, workers):
    """A system check reports them; a running process does not fail."""
    configure(WORKERS=workers)

    assert conf.worker_settings().lease_s == 90
