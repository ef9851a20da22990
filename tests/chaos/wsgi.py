"""The WSGI application of a run's web server."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# So that its messages go to the broker of the run.
from . import celery  # noqa: E402, F401
