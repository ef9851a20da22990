"""The command lines of the service's own processes, as in a deployment."""

from .processes import PYTHON

# A worker logs this when it takes messages.
WORKER_READY = " ready."


def worker(app: str, name: str, *options: str, checks: bool = True) -> list[str]:
    """Return the command of a Celery worker that takes messages of both queues.

    Args:
        name: The node name, unique for a broker.
        checks: Run Django's system checks at each start, which takes a second.
    """
    celery = [PYTHON, "-m", "celery", *([] if checks else ["--skip-checks"]), "--app", app]
    queues = ["--queues", "renditions,renditions.bulk"]
    # Asking the other workers at each start takes a second.
    alone = ["--without-mingle", "--without-gossip"]
    return [*celery, "worker", "--hostname", name, *queues, *alone, "--loglevel", "INFO", *options]


def beat(app: str, schedule: str, *options: str) -> list[str]:
    """Return the command of a Celery beat that keeps its state in the file `schedule`."""
    celery = [PYTHON, "-m", "celery", "--app", app, "beat"]
    return [*celery, "--schedule", schedule, "--pidfile=", "--loglevel", "INFO", *options]


def web(wsgi: str, *options: str) -> list[str]:
    """Return the command of the web server."""
    return [PYTHON, "-m", "gunicorn", "--config", "python:config.gunicorn", *options, wsgi]
