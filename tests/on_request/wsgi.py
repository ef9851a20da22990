"""A web server with the filter that notes each call."""

from django.core.wsgi import get_wsgi_application

from tests.smoke import filters

application = get_wsgi_application()
filters.register()
