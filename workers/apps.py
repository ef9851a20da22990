"""The Django app."""

from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class WorkersConfig(AppConfig):
    """Connects saves to the ledger, and registers the system checks."""

    name = "workers"
    # `workers` is a common name. Label, tables and tasks have a prefix of their own.
    label = "rendition_workers"
    verbose_name = _("Renditions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Celery knows a shared task once its module is imported, and a save needs ours to send it.
        from renditions.shell import add_actions
        from renditions.signals import explanation_requested

        from . import checks, enqueue, explaining, metrics, recovery, runs, tasks, transport  # noqa: F401

        add_actions("workers.management.actions")
        explanation_requested.connect(
            explaining.on_explanation_requested, dispatch_uid="renditions.explain"
        )

        transport.install()
        enqueue.connect()
        recovery.connect()
        runs.connect()
        metrics.connect()
        register(checks.check_settings)
        register(checks.check_celery)
        register(checks.check_databases)
        register(checks.check_redis)
        register(checks.check_tables, deploy=True)
        register(checks.check_beat_rows, deploy=True)
        register(checks.check_keys)
