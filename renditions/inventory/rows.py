"""Which rows of the project name a file.

Every file field of every model counts, in every database that has its table: a file is taken away
only if no row of the whole project needs it. Two storages may share a folder or a bucket, and one
may be inside the other. So a path is compared by the place of its file, not by its storage.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.files.storage import Storage
from django.db import ProgrammingError, connections, models, router, transaction

from renditions.fields import VersatileImageField
from renditions.imaging.geometry import CENTRE, FocalPoint, Size
from renditions.meta import columns_of, size_in
from renditions.storage import root_of

# Names in one query, for databases without a limit of their own.
MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Shift:
    """From the paths of one storage to those of another one that has some of the same files."""

    strip: str = ""  # both end with a slash, or are empty; at least one is empty
    add: str = ""

    @classmethod
    def between(cls, storage: Storage, other: Storage) -> "Shift | None":
        """Return the shift from `storage` to `other`; None: they share no file."""
        here, there = root_of(storage), root_of(other)
        if there.startswith(here):
            return cls(strip=there.removeprefix(here))
        return cls(add=here.removeprefix(there)) if here.startswith(there) else None

    def there(self, path: str) -> str | None:
        """Return the path on the other storage; None: the file is outside it."""
        if not path.startswith(self.strip):
            return None
        return self.add + path.removeprefix(self.strip)

    def here(self, path: str) -> str | None:
        return Shift(strip=self.add, add=self.strip).there(path)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that holds names of files. Its storage is `storage_of`."""

    model: type[models.Model]
    field: Any

    def rows(self, using: str) -> "models.QuerySet[Any]":
        # Not a manager: it may hide rows, as for soft deletion, and they need their files.
        return models.QuerySet(self.model, using=using).order_by()

    @property
    def label(self) -> str:
        return f"{self.model._meta.label}.{self.field.name}"


def file_columns() -> Iterator[Column]:
    """Yield the columns of all file fields, each once.

    A history table has copies of file fields as text. They keep the options of a file field.
    """
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if (
                isinstance(field, models.FileField)
                or {"upload_to", "storage"} <= vars(field).keys()
            ):
                yield Column(model, field)


def tables(model: type[models.Model], listed: dict[str, set[str]] | None = None) -> list[str]:
    """Return the aliases of the databases that have the table of `model`.

    Args:
        listed: The tables of each database that was asked before; new answers are added.

    Raises:
        DatabaseError: a database does not answer.
    """
    listed = {} if listed is None else listed
    aliases = [each for each in connections if router.allow_migrate_model(each, model)]
    for using in aliases:
        if using not in listed:
            names = connections[using].introspection.table_names(include_views=True)
            listed[using] = set(names)
    return [each for each in aliases if _has_table(each, model, listed[each])]


def _has_table(using: str, model: type[models.Model], listed: set[str]) -> bool:
    if model._meta.db_table in listed:
        return True
    if connections[using].vendor == "sqlite":
        return False
    # The name may hold a schema, and then it is not in the list.
    try:
        with transaction.atomic(using):
            Column(model, None).rows(using).exists()
    # Not every DatabaseError: a lost connection or a timeout does not mean that there is no table,
    # and files that its rows show would be deleted.
    except ProgrammingError:
        return False
    return True


def names_of_field(field: models.FileField) -> Iterator[str]:
    """Yield the files that `field` itself names: its default and its placeholder."""
    default = getattr(field, "get_default", str)()
    if isinstance(default, str) and default:
        yield default
    placeholder = getattr(field, "placeholder_image_name", None)
    if placeholder:
        yield placeholder


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture that rows show: an original, as one field plans its renditions."""

    field: VersatileImageField
    name: str  # as the rows have it
    ppoi: FocalPoint
    size: Size | None = None  # upright, px; None: the rows do not tell it

    @staticmethod
    def columns(field: VersatileImageField) -> list[str]:
        """Return the names of the columns that tell of a picture, its name first."""
        return [field.attname, *filter(None, [field.ppoi_field]), *columns_of(field)]

    @classmethod
    def in_row(cls, field: VersatileImageField, row: Mapping[str, Any]) -> "ShownPicture":
        """Return the picture of a row with these columns."""
        name = str(row[field.attname])
        ppoi = FocalPoint(*row[field.ppoi_field]) if field.ppoi_field else CENTRE
        return cls(field, name, ppoi, size_in(field, row, name))


class Rows:
    """Looks up the files of one storage in the rows of the project."""

    def __init__(self, storage: Storage) -> None:
        self.naming: list[tuple[Column, Shift, list[str]]] = []
        self.showing: list[tuple[Column, Shift, list[str]]] = []
        listed: dict[str, set[str]] = {}
        for column in file_columns():
            shift = Shift.between(storage, column.field.storage)
            if shift is not None:
                self.naming.append((column, shift, tables(column.model, listed)))
            if isinstance(column.field, VersatileImageField):
                shift = Shift.between(storage, column.field.storages.renditions)
                if shift is not None:
                    self.showing.append((column, shift, tables(column.model, listed)))

    def named(self, paths: Collection[str]) -> set[str]:
        """Return those of `paths` that a row names."""
        found: set[str] = set()
        for column, shift, databases in self.naming:
            by_name = _by_name(paths, shift)
            for using in databases:
                for (name,) in _look_up(column, using, by_name, [column.field.attname]):
                    found.add(by_name[str(name)])
        return found

    def is_shown(self, name: str) -> bool:
        """Whether a row names the file, or a field does."""
        if self.named([name]):
            return True
        fields = ((column.field, shift) for column, shift, _ in self.naming)
        return any(
            name == shift.here(own) for field, shift in fields for own in names_of_field(field)
        )

    def pictures(self, names: Collection[str]) -> Iterator[tuple[str, Shift, ShownPicture]]:
        """Yield the pictures that rows show at `names`, with the name that was asked for.

        Args:
            names: Of originals, as the storage of the renditions would have them.
        """
        for column, shift, databases in self.showing:
            by_name = _by_name(names, shift)
            wanted = ShownPicture.columns(column.field)
            for using in databases:
                for values in _look_up(column, using, by_name, wanted):
                    row = dict(zip(wanted, values, strict=True))
                    picture = ShownPicture.in_row(column.field, row)
                    yield by_name[picture.name], shift, picture


def _by_name(paths: Iterable[str], shift: Shift) -> dict[str, str]:
    """Return the paths by the names that a row can have for them."""
    found: dict[str, str] = {}
    for path in paths:
        name = shift.there(path)
        if name is not None:
            # Django writes the first one. Code of a project can write the others.
            found |= dict.fromkeys((name, f"./{name}", f"/{name}", name.replace("/", "\\")), path)
    return found


def _look_up(
    column: Column, using: str, by_name: Collection[str], wanted: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the distinct values of `wanted` of the rows whose file has one of these names."""
    names = list(by_name)
    size = connections[using].features.max_query_params or MOST_NAMES
    attname = column.field.attname
    for start in range(0, len(names), size):
        some = names[start : start + size]
        rows = column.rows(using).filter(**{f"{attname}__in": some}).distinct()
        # A database that ignores case finds other names, too.
        yield from (row for row in rows.values_list(*wanted) if str(row[0]) in by_name)
