"""The admin: how the service is, what is queued or failed and why, how to retry it, bulk runs."""

from . import incomplete, jobs, overview, runs  # noqa: F401  (each registers its pages)
