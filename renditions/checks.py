"""What is wrong with a project's configuration, found by `manage.py check` before any picture."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.utils.module_loading import import_string

from . import conf
from .fields import PPOIField, VersatileImageField
from .planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKey


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting, and that what it names can be imported."""
    errors = [
        *check_table(conf.INHERITED, conf.INHERITED_SETTINGS, "renditions.E00", _inherited_read()),
        *check_table(conf.OWN, conf.OWN_SETTINGS, "renditions.E00"),
    ]
    return [*_check_inherited_unread(), *(errors or _check_named())]


def _check_named() -> Iterator[CheckMessage]:
    """Check that there is what settings name."""
    yield from _check_importable(conf.INHERITED, "image_key_post_processor")
    yield from _check_importable(conf.OWN, "STORE")
    yield from _check_encodings()


def _inherited_read() -> Any:
    """Return what is read of VERSATILEIMAGEFIELD_SETTINGS; all of it if it is no dict."""
    given = getattr(settings, conf.INHERITED, {})
    if not isinstance(given, Mapping):
        return given
    return {key: given[key] for key in given if key in conf.INHERITED_SETTINGS}


def _check_inherited_unread() -> Iterator[CheckMessage]:
    """Warn of keys that nobody reads: the inherited package passed them over, too."""
    given = getattr(settings, conf.INHERITED, {})
    for key in given if isinstance(given, Mapping) else ():
        if key not in conf.INHERITED_SETTINGS:
            yield Warning(
                f"{conf.INHERITED}[{key!r}] is read by nobody.",
                hint=f"Known: {', '.join(conf.INHERITED_SETTINGS)}.",
                id="renditions.W013",
            )


def check_table(
    name: str, table: Mapping[str, conf.Setting], prefix: str, given: Any = None
) -> Iterator[CheckMessage]:
    """Check one settings dict against its table.

    Args:
        name: What the messages call the dict.
        prefix: Of the ids: 1 no dict, 2 unknown key, 3 value out of range.
        given: The dict; by default the setting called `name`.
    """
    given = getattr(settings, name, {}) if given is None else given
    if not isinstance(given, Mapping):
        yield Error(f"{name} must be a dict, not {given!r}.", id=f"{prefix}1")
        return
    for key, value in given.items():
        if key not in table:
            yield Error(
                f"{name} has no key {key!r}.", hint=f"Known: {', '.join(table)}.", id=f"{prefix}2"
            )
        elif not table[key].accepts(value):
            yield Error(
                f"{name}[{key!r}] is {value!r}; it must be {table[key].wanted}.", id=f"{prefix}3"
            )


def _check_importable(name: str, key: str) -> Iterator[CheckMessage]:
    path = conf.inherited(key) if name == conf.INHERITED else conf.own(key)
    try:
        if path is not None:
            import_string(path)
    except ImportError as error:
        yield Error(f"{name}[{key!r}] cannot be imported: {error}.", id="renditions.E004")


def _check_encodings() -> Iterator[CheckMessage]:
    """Check what is said about single key sets; a rendition can only be written in one way."""
    said: dict[RenditionKey, tuple[str, Mapping[str, Any]]] = {}
    for name, given in conf.own("ENCODINGS").items():
        label = f"{conf.OWN}['ENCODINGS'][{name!r}]"
        yield from check_table(label, conf.OVERRIDES, "renditions.E00", given)
        if name not in conf.key_set_names():
            yield Error(f"{label} names no rendition key set.", id="renditions.E009")
            continue
        for key in _keys_of(name):
            other, otherwise = said.setdefault(key, (name, given))
            if otherwise != given:
                yield Error(
                    f"{label} and [{other!r}] differ, but both sets hold {str(key)!r}, which is "
                    "one file.",
                    hint="Give one of them another size, or both the same encoding.",
                    id="renditions.E010",
                )


def _keys_of(name: str) -> tuple[RenditionKey, ...]:
    try:
        return conf.key_set(name).keys
    except (InvalidSizeKey, InvalidSizeKeySet):
        # Said by check_key_sets.
        return ()


def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, before a deployment, that processes share what is known."""
    if conf.records_are_shared():
        return []
    return [
        Warning(
            "What is known of renditions is kept in the memory of one process: pages, workers and "
            "commands don't know of each other's.",
            hint="Let CACHES hold a shared cache, called 'default' or as "
            f"{conf.INHERITED}['cache_name'] says: Redis, Memcached, a database table or files.",
            id="renditions.W011",
        )
    ]


def check_key_sets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that every rendition key set can be made as it stands."""
    given = getattr(settings, conf.KEY_SETS, {})
    if not isinstance(given, Mapping):
        return [Error(f"{conf.KEY_SETS} must be a dict, not {given!r}.", id="renditions.E005")]
    messages: list[CheckMessage] = []
    for name in given:
        try:
            conf.key_set(name)
        except (InvalidSizeKey, InvalidSizeKeySet) as error:
            messages.append(
                Error(f"Rendition key set {name!r}: {error}", obj=name, id="renditions.E006")
            )
    return messages


def check_fields(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that what fields name is there: `warm` key sets and the PPOI field."""
    models_to_check = (
        model
        for model in apps.get_models()
        if app_configs is None or model._meta.app_config in app_configs
    )
    return [
        message
        for model in models_to_check
        for field in model._meta.local_fields
        if isinstance(field, VersatileImageField)
        for message in (*_check_warm(field), *_check_ppoi_field(model, field))
    ]


def check_workers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that somebody makes what fields declare."""
    declaring = [
        field.label
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, VersatileImageField) and field.warm
    ]
    # By its label: a project may have a package of its own that is called workers.
    if not declaring or "rendition_workers" in {app.label for app in apps.get_app_configs()}:
        return []
    found = find_spec("workers")
    return [
        Warning(
            f"{', '.join(declaring)}: `warm` is declared, and nothing is made after a save.",
            hint="Add 'workers' to INSTALLED_APPS. It is to be that of django-renditions; "
            f"`import workers` finds {found.origin if found else 'none'} here.",
            id="renditions.W012",
        )
    ]


def _check_warm(field: VersatileImageField) -> Iterator[CheckMessage]:
    for name in field.warm:
        try:
            conf.key_set(name)
        except ImproperlyConfigured as error:
            yield Error(f"{field.label}: warm={name!r}: {error}", obj=field, id="renditions.E007")
        except (InvalidSizeKey, InvalidSizeKeySet):
            # Said once, by check_key_sets.
            continue


def _check_ppoi_field(
    model: type[models.Model], field: VersatileImageField
) -> Iterator[CheckMessage]:
    if not field.ppoi_field:
        return
    try:
        beside = model._meta.get_field(field.ppoi_field)
    except FieldDoesNotExist:
        beside = None
    if not isinstance(beside, PPOIField):
        yield Error(
            f"{field.label}: ppoi_field={field.ppoi_field!r} is no PPOIField of "
            f"{model._meta.label}.",
            obj=field,
            id="renditions.E008",
        )
