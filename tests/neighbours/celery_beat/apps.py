from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "tests.neighbours.celery_beat"
    label = "project"
    default_auto_field = "django.db.models.BigAutoField"
