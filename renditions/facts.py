"""Find out the facts of a picture while its renditions are made, and write them to its row."""

from .engine.originals import OpenedOriginal
from .engine.warming import WarmReport, warm
from .errors import RenditionError
from .files import VersatileImageMixIn
from .imaging.facts import PictureFacts
from .imaging.geometry import Size
from .meta import column_value
from .planning.keys import RenditionKeySet


def write_facts(image: VersatileImageMixIn, facts: PictureFacts, using: str) -> None:
    """Write the facts to the row, unless it has another picture by now."""
    field, row = image.field, image.instance
    assert field.meta_field
    value = column_value(str(image.name), facts)
    rows = field.model._base_manager.using(using)
    pk = getattr(row, field.model._meta.pk.attname)
    rows.filter(pk=pk, **{field.attname: image.name}).update(**{field.meta_field: value})
    setattr(row, field.meta_field, value)


def size_to_plan_with(image: VersatileImageMixIn, original: OpenedOriginal) -> Size | None:
    """Return the size of a picture whose row does not know it yet, but will.

    None: the row knows it or has no place for it; or the original cannot be read, which the attempt
    to make its renditions reports.
    """
    if not image.lacks_meta:
        return None
    try:
        return original.size()
    except RenditionError:
        return None


def warm_image(
    image: VersatileImageMixIn, key_set: RenditionKeySet, *, force: bool = False
) -> WarmReport:
    """Make the missing renditions of a picture, and fill in its `meta_field`."""
    storages = image.storages
    with OpenedOriginal(storages.originals, str(image.name)) as original:
        plans = image.plans(key_set, size=size_to_plan_with(image, original))
        report = warm(storages, plans, force=force, original=original, wants_facts=image.lacks_meta)
    using = image.instance._state.db
    if report.facts and using:
        write_facts(image, report.facts, using)
    return report
