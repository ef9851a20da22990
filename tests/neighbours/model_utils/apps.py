from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "tests.neighbours.model_utils"
    label = "project"
    default_auto_field = "django.db.models.BigAutoField"
