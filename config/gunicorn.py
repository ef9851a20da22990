"""The configuration of the web server: `gunicorn -c python:config.gunicorn config.wsgi`."""

import os
from typing import Any

from config.parent_death import die_with_parent

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 8
# Seconds without a heartbeat until a worker is killed. Threads handle the requests, so a slow
# upload does not stop the heartbeat.
timeout = 60
graceful_timeout = 10
keepalive = 5
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms'
# Its path in the home folder is fixed: two installations would share one control socket.
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """End with the master process, even if it is killed with SIGKILL."""
    die_with_parent(server.pid)
