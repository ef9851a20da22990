"""The Django app."""

from django.apps import AppConfig
from django.core.checks import register


class WorkersConfig(AppConfig):
    """Connects saves to the ledger and registers the checks."""

    name = "workers"
    # `workers` is a common name, so the label, the tables and the tasks have one of their own.
    label = "rendition_workers"
    verbose_name = "Renditions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Run once at start-up."""
        from . import checks, enqueue, recovery, transport

        transport.install()
        enqueue.connect()
        recovery.connect()
        register(checks.check_settings)
        register(checks.check_celery)
        register(checks.check_databases)
        register(checks.check_keys)
