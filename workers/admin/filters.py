"""Filters of a list that read no table to know their values."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from ..snapshot import only
from ..targets import all_watched_fields


class IndexedFilter(admin.FieldListFilter):
    """Lets the list have the order of an index of its column."""

    lookup_kwarg: str

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        chosen: Any = self.used_parameters.get(self.lookup_kwarg, [])
        if len(chosen) != 1 or not chosen[0]:
            return super().queryset(request, queryset)
        # Without the second condition, SQLite would not use the index of the kinds.
        one = queryset.filter(**only(self.field_path, chosen[0]))
        return one.filter(**{f"{self.field_path}__gt": ""})


class StateFilter(IndexedFilter, admin.ChoicesFieldListFilter):
    """Offers the states."""


class CheapValuesFilter(IndexedFilter, admin.AllValuesFieldListFilter):
    """Offers the values of a column without the query of Django, which reads every job."""

    def __init__(self, field: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, *args, **kwargs)
        self.lookup_choices = self.values(field.name)  # type: ignore[assignment]

    def values(self, column: str) -> list[str]:
        raise NotImplementedError


class WatchedFilter(CheapValuesFilter):
    """Offers the models, or the fields, of all that have jobs."""

    def values(self, column: str) -> list[str]:
        watched = all_watched_fields()
        names = ({"model_label": f.model._meta.label, "field_name": f.name} for f in watched)
        return sorted({each[column] for each in names})
