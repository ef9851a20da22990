"""The names of the old package's `image_warmer`."""

import logging
from functools import reduce
from sys import stdout

from django.db.models import Model
from django.db.models.query import QuerySet

from renditions.image_warmer import VersatileImageFieldWarmer, cli_progress_bar

from .functions import (
    get_rendition_key_set,
    get_url_from_image_key,
    validate_versatileimagefield_sizekey_list,
)

__all__ = [
    "Model",
    "QuerySet",
    "VersatileImageFieldWarmer",
    "cli_progress_bar",
    "get_rendition_key_set",
    "get_url_from_image_key",
    "logger",
    "logging",
    "reduce",
    "stdout",
    "validate_versatileimagefield_sizekey_list",
]

# Failures of the warmer are logged there.
logger = logging.getLogger("renditions.engine.warming")
