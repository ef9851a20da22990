"""What the library tells those who want to know; `workers` listens."""

from django.dispatch import Signal

# A model has got a VersatileImageField, however late that is. `sender`: the model.
field_added = Signal()

# Renditions of an original are made now, by whatever way but a worker's job. `original`: the
# `renditions.planning.plans.Original`. `sender` is None.
renditions_made = Signal()
