"""The Celery settings that are given to users, and the options of our tasks."""

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
# Of the decorator, not of the task.
DECORATOR_KNOWS = {"name", "bind", "base"}


@pytest.mark.parametrize("key", conf.CELERY)
def test_celery_knows_every_setting(key):
    """Celery ignores a setting that it does not know, so none of ours is one."""
    assert key in CELERY_KNOWS


@pytest.mark.parametrize("key", conf.CELERY["broker_transport_options"])
def test_the_transport_knows_every_option(key):
    """The Redis transport ignores an option that it does not know, so none of ours is one."""
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
    """Celery sets whatever it is given on a task and reads only what it knows."""
    assert option in DECORATOR_KNOWS or hasattr(Task, option)


def test_every_task_is_decorated():
    """The test above has seen all tasks there are."""
    assert {task for task, _ in decorated()} == {"warm", "sweep", "rewarm_all", "advance_run"}


@pytest.mark.parametrize("entry", conf.CELERY["beat_schedule"].values())
def test_beat_sends_tasks_that_there_are(entry):
    """What beat sends is a task of ours, with options that sending knows."""
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
    ],
)
def test_every_task_has_its_queue(task, queue):
    """A task that is sent by its name goes where workers listen."""
    app = Celery("routes", config_source=conf.CELERY, set_as_current=False)

    route = app.amqp.router.route({}, task)

    assert route["queue"].name == queue


def test_a_users_own_tasks_are_left_alone():
    """A project's own tasks go to its own queue."""
    app = Celery("routes", config_source=conf.CELERY, set_as_current=False)

    assert app.amqp.router.route({}, "shop.bill")["queue"].name == "celery"


def test_modules_of_a_package_called_workers_import_each_other_relatively():
    """`workers` is a common name: none of our modules finds a namesake's."""
    for path in Path(workers.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not (node.module or "").startswith("workers"), path
