"""What the run's web server serves."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# Its messages go to the run's broker.
from . import celery  # noqa: E402, F401
