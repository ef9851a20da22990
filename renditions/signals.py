"""What the library tells those who want to know; `workers` listens."""

from django.dispatch import Signal

# A model has got a VersatileImageField, however late that is. `sender`: the model.
field_added = Signal()

# An upload is about to be written to the storage of a field. `sender`: the field. `name`: its path.
# A receiver returns True if the upload needs another name: files of a former picture of this name
# are being deleted or made.
name_chosen = Signal()

# The project has called `delete()` of a picture that its field takes away with its original.
# `sender`: the field. `name`: the path of the original. `instance`: the row, or a stand-in.
original_dropped = Signal()

# Renditions of an original are made now, by whatever way but a worker's job. `original`: the
# `renditions.planning.plans.Original`. `share_of_rows`: that its file has, as in a `WarmReport`;
# missing: it was not decoded. `sender` is None.
renditions_made = Signal()

# `renditions prune --in-workers` was called, with these `fields`, `orphans` and `min_age`.
# A receiver starts the runs, and returns the lines to print. `sender` is None.
prune_requested = Signal()

# Records were asked for. `wanted`: how many. `found`: how many of them the store has; None: it did
# not answer. `sender` is None.
records_recalled = Signal()

# `renditions explain` looks at a picture. `picture`: a `renditions.explanation.ExplainedPicture`.
# `instance`, `using`: the row, and the alias of its database. A receiver changes nothing, and
# returns a `renditions.explanation.Addition` or None. `sender`: the field.
explanation_requested = Signal()
