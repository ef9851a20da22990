"""All code that exists only for projects written for django-versatileimagefield."""
