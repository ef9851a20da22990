"""The Django app."""

from django.apps import AppConfig, apps
from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from .registry import autodiscover


class RenditionsConfig(AppConfig):
    """Finds the project's sizers and filters, and registers the checks."""

    name = "renditions"
    verbose_name = _("Renditions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks

        autodiscover()
        if apps.is_installed("rest_framework"):
            # A ModelSerializer knows the field of a focal point from then on.
            from . import serializers  # noqa: F401
        if apps.is_installed("drf_spectacular"):
            from . import openapi  # noqa: F401
        if apps.is_installed("strawberry_django"):
            from . import graphql  # noqa: F401
        register(checks.check_settings)
        register(checks.check_key_sets)
        register(checks.check_fields)
        register(checks.check_storages)
        register(checks.check_workers)
        register(checks.check_cache, deploy=True)
        register(checks.check_indexes, deploy=True)
        register(checks.check_on_request, deploy=True)
