"""Which folders of which storages a survey looks at."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from django.core.files.storage import Storage
from django.db import models

from renditions import conf
from renditions.fields import VersatileImageField
from renditions.storage import root_of, storage_label, walk_files
from renditions.storage.any import FileInfo

from .recognition import names_are_ours
from .rows import file_columns


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at on one storage."""

    storage: Storage
    fields: tuple[VersatileImageField, ...]  # that were chosen
    folders: tuple[str, ...]  # to walk over, in this order; none is inside another one
    uploads: re.Pattern[str] | None = None  # folders of originals to judge; None: no originals

    @property
    def label(self) -> str:
        return storage_label(self.storage)

    def files(self, after: str = "") -> Iterator[tuple[str, FileInfo]]:
        """Yield each file with what the storage knows of it.

        Args:
            after: Path of a file; it and all files before it are left out.

        Raises:
            PathRefused, StorageRefused, StorageFailed: as `walk_files`.
        """
        folders = self.folders
        if after:
            holding = [index for index, each in enumerate(folders) if _is_in(after, each)]
            folders = folders[holding[0] if holding else 0 :]
            after = after if holding else ""
        for folder in folders:
            yield from walk_files(self.storage, folder, after)
            after = ""


def scopes(
    fields: Sequence[VersatileImageField] | None, *, orphans: bool, folders: Collection[str] = ()
) -> list[Scope]:
    """Return what to look at, one scope for each storage.

    Args:
        fields: None: all image fields of the project, and everything in the folders of renditions.
        orphans: Also judge the originals in the upload folders of the fields.
        folders: Folders of originals to judge, with their subfolders; empty: those that the fields
            declare. A field of `without_folder` declares none.
    """
    drafts: dict[str, _Draft] = {}
    sized = conf.layout().sized_dirname
    for each in all_image_fields() if fields is None else fields:
        top = _static_beginning(each)
        draft = _draft(drafts, each.storages.renditions, each)
        draft.folders |= {top, posixpath.join(sized, "" if fields is None else top).rstrip("/")}
        patterns = {_below_pattern(folder) for folder in folders} or _upload_patterns(each)
        if orphans and patterns:
            draft = _draft(drafts, each.storages.originals, each)
            draft.folders |= set(folders) or {top}
            draft.uploads |= patterns
    return [draft.scope() for draft in drafts.values()]


@dataclass(slots=True)
class _Draft:
    """A scope to which fields are still added."""

    storage: Storage
    fields: dict[VersatileImageField, None] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    uploads: set[str] = field(default_factory=set)  # patterns

    def scope(self) -> Scope:
        uploads = re.compile("|".join(sorted(self.uploads))) if self.uploads else None
        return Scope(
            self.storage, tuple(self.fields), tuple(_without_nested(self.folders)), uploads
        )


def _draft(drafts: dict[str, _Draft], storage: Storage, image_field: VersatileImageField) -> _Draft:
    draft = drafts.setdefault(root_of(storage), _Draft(storage))
    draft.fields[image_field] = None
    return draft


def without_folder(
    fields: Sequence[VersatileImageField] | None = None,
) -> list[VersatileImageField]:
    """Return the fields whose upload folder is decided by a function, so that it is not known."""
    chosen = all_image_fields() if fields is None else fields
    return [field for field in chosen if _upload_text(field) is None]


def can_find_orphans(field: VersatileImageField) -> bool:
    """Whether the originals of `field` can be told from other files."""
    return names_are_ours() and not without_folder([field])


def all_image_fields() -> list[VersatileImageField]:
    """Return every `VersatileImageField` of the project, each once."""
    fields = (column.field for column in file_columns())
    return [field for field in fields if isinstance(field, VersatileImageField)]


# ---- upload folders ----------------------------------------------------------------------------


def _upload_text(field: models.FileField) -> str | None:
    """Return `upload_to` if it is a text; None: it is a function."""
    if callable(field.upload_to):
        return None
    return normal_folder(str(field.upload_to))


def normal_folder(folder: str) -> str:
    """Return the path of a folder as a walk has it; empty: the whole storage."""
    text = posixpath.normpath(folder).strip("/")
    return "" if text == "." else text


def _static_beginning(field: models.FileField) -> str:
    """Return the folder that all uploads of `field` are below; empty: it is not known."""
    text = _upload_text(field) or ""
    parts = text.split("/")
    dated = (index for index, part in enumerate(parts) if "%" in part)
    return "/".join(parts[: next(dated, len(parts))])


def _upload_patterns(field: VersatileImageField) -> set[str]:
    """Return the pattern of the folders that `field` writes its uploads into, if it is known."""
    text = _upload_text(field)
    if text is None:
        return set()
    # `%Y/%m`: what strftime writes for a directive.
    parts = (
        "%" if part == "%%" else r"[^/]+" if part.startswith("%") else re.escape(part)
        for part in re.split(r"(%-?.)", text)
    )
    return {"".join(parts)}


def _below_pattern(folder: str) -> str:
    return rf"{re.escape(folder)}(/.*)?" if folder else ".*"


def _without_nested(folders: Collection[str]) -> Iterator[str]:
    for folder in sorted(folders):
        if not any(_is_in(folder, other) for other in folders if other != folder):
            yield folder


def _is_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")
