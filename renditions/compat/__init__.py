"""Everything that exists only for code written for django-versatileimagefield."""

default_app_config = "renditions.compat.apps.VersatileImageFieldConfig"
