"""The synchronous warmer: make renditions in this process, for an instance or a queryset."""

import sys
from collections.abc import Iterator
from typing import TextIO

from django.db.models import Model, QuerySet

from . import conf
from .engine.warming import WarmReport
from .facts import warm_image
from .files import VersatileImageMixIn, image_at
from .planning.keys import RenditionKeySet
from .planning.plans import Original, validated
from .responsive import PictureData, picture_data, picture_keys

CHUNK_ROWS = 500


def cli_progress_bar(start: int, end: int, bar_length: int = 50, out: TextIO | None = None) -> None:
    """Draw `[#####-----] 10/20 (50%)` over the current line.

    Args:
        start: Number of finished items.
        end: Number of all items; 0 is drawn as 100 %.
        bar_length: Width of the bar, in characters.
        out: None: standard output.
    """
    out = out or sys.stdout
    share = start / end if end else 1.0
    hashes = "#" * round(share * bar_length)
    out.write(f"\r[{hashes:-<{bar_length}}] {start}/{end} ({round(share * 100)}%)")
    out.flush()


class VersatileImageFieldWarmer:
    """Makes the renditions of a key set, for one instance or for each instance of a queryset.

    Args:
        instance_or_queryset: A model instance or a QuerySet, not a manager or a list. A queryset
            is read in chunks, in constant memory.
        rendition_key_set: The name of a set in the settings, or (name, rendition key) pairs.
        image_attr: The image field. A dotted name follows foreign keys: `profile.headshot`.
        verbose: Draw a progress bar on standard output.
        force: Render existing renditions again.

    Raises:
        ValueError: the first argument is neither an instance nor a QuerySet.
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: the key set is unknown or wrong.
    """

    def __init__(
        self,
        instance_or_queryset: Model | QuerySet[Model],
        rendition_key_set: object,
        image_attr: str,
        verbose: bool = False,
        *,
        force: bool = False,
    ) -> None:
        if not isinstance(instance_or_queryset, Model | QuerySet):
            raise ValueError(
                f"{type(self).__name__} warms a model instance or a QuerySet, not "
                f"{type(instance_or_queryset).__name__}. Pass Model.objects.all(), "
                "not a manager or a list."
            )
        self.instance_or_queryset = instance_or_queryset
        self.key_set: RenditionKeySet = (
            conf.key_set(rendition_key_set)
            if isinstance(rendition_key_set, str)
            else validated(rendition_key_set)
        )
        self.image_attr = image_attr
        self.verbose = verbose
        self.force = force

    def warm(self) -> tuple[int, list[str]]:
        """Make the missing renditions.

        Returns:
            The number of entries of the key set that have a file now, over all pictures. It counts
            originals and renditions that existed before. And the paths, on the field's storage, of
            the renditions that could not be made; `reports` has the reasons.
        """
        made, failed = 0, []
        for report in self.reports():
            made_keys = {plan.key for plan in report.existing}
            made += sum(key.is_original or key in made_keys for _, key in self.key_set)
            failed += [plan.path for plan in report.failures]
        return made, failed

    def reports(self) -> Iterator[WarmReport]:
        """Make the missing renditions, and yield a report for each picture."""
        entries = len(self.key_set)
        total = entries * self._count()
        warmed_placeholders: set[Original | None] = {None}
        for done, image in enumerate(self._images(), start=1):
            # A null relation has no picture at all.
            report = None if image is None else self._warm(image, warmed_placeholders)
            if report:
                yield report
            if self.verbose:
                cli_progress_bar(done * entries, total)
        if self.verbose and total:
            sys.stdout.write("\n")

    def pictures(self) -> Iterator[PictureData]:
        """Make the missing renditions, and yield what a page or an API shows of each picture.

        A picture that cannot be made has `ready` False; a null relation is left out.

        Raises:
            ImproperlyConfigured: the key set is neither a responsive picture nor one key.
        """
        key_set = picture_keys(self.key_set)
        warmed_placeholders: set[Original | None] = {None}
        for image in self._images():
            if image is not None:
                self._warm(image, warmed_placeholders)
                yield picture_data(image, key_set)

    def _warm(
        self, image: VersatileImageMixIn, warmed_placeholders: set[Original | None]
    ) -> WarmReport | None:
        """Make the renditions of a picture; of its placeholder if it is empty."""
        if image.name:
            return warm_image(image, self.key_set, force=self.force)
        # Many empty pictures share one placeholder.
        if image.placeholder in warmed_placeholders:
            return None
        warmed_placeholders.add(image.placeholder)
        return image.field.warm_placeholder(self.key_set, force=self.force)

    def _count(self) -> int:
        rows = self.instance_or_queryset
        return rows.count() if self.verbose and isinstance(rows, QuerySet) else 1

    def _images(self) -> Iterator[VersatileImageMixIn | None]:
        if isinstance(self.instance_or_queryset, Model):
            yield image_at(self.instance_or_queryset, self.image_attr)
            return
        for instance in self.instance_or_queryset.iterator(chunk_size=CHUNK_ROWS):
            yield image_at(instance, self.image_attr)
