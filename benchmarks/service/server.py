"""The database server's side of a measurement."""

import psutil
from django.db import connection


def server_cpu_s() -> float:
    """Return the CPU time of the server process of our connection; 0 without a server."""
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)
