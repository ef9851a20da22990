"""How the web server runs: `gunicorn -c python:config.gunicorn config.wsgi`."""

import os
from typing import Any

from config.parent_death import die_with_parent

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 8
# A slow upload counts as work; a thread that hangs for longer is ended.
timeout = 60
graceful_timeout = 10
keepalive = 5
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms'
# The control socket lies in a fixed place of the home folder, which two installations would share.
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """Leave no worker behind when the master is killed with -9."""
    die_with_parent(server.pid)
