"""Everything that exists only for code written for django-versatileimagefield."""
