"""System checks: `manage.py check` finds a wrong configuration before the first upload."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.core.cache.backends.dummy import DummyCache
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.files.storage import storages
from django.db import models
from django.utils.module_loading import import_string

from . import conf
from .fields import PictureMetaField, PPOIField, VersatileImageField
from .imaging.formats import format_named
from .inventory.declared import image_fields_with_warm
from .meta import columns_of
from .planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKey, RenditionKeySet
from .planning.pictures import Picture
from .planning.plans import unknown_names
from .settings_table import ENCODING_SETTINGS, NATIVE, OLD, SETTINGS, Cleanup, Setting, UntilReady
from .signing import makes_on_request


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting, then that everything they name exists."""
    unknown = list(_check_old_keys())
    errors = [
        *check_table(NATIVE, SETTINGS, "renditions.E00", conf.raw(NATIVE)),
        *_check_old_values(),
        *_check_set_twice(),
    ]
    return [
        *unknown,
        *_check_misspelt(),
        *_check_incomplete(),
        *(errors or [*_check_names(), *_check_alias()]),
    ]


def _check_misspelt() -> Iterator[CheckMessage]:
    for name, meant in conf.misspelt().items():
        yield Warning(
            f"{name} is not a known setting, and nothing reads it.",
            hint=f"If it is meant for renditions, its name is {meant}.",
            id="renditions.W015",
        )


def _check_incomplete() -> Iterator[CheckMessage]:
    if conf.loads_truncated() and conf.rendition_settings().incomplete != "accept":
        yield Warning(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set, so incomplete uploads are accepted: it "
            f"counts as {NATIVE}['INCOMPLETE'] = 'accept'.",
            hint=f"Set {NATIVE}['INCOMPLETE'] to 'accept'. Or remove the line, if incomplete "
            "uploads are to be refused.",
            id="renditions.W017",
        )


def _check_alias() -> Iterator[CheckMessage]:
    """Check that the cache of the records exists, and that it keeps what it is given."""
    alias = conf.rendition_settings().cache
    if alias and alias not in conf.cache_aliases():
        told = f"{conf.place_of('CACHE')} is {alias!r}, and CACHES has no such cache."
        hint = f"Add it to CACHES, or name one of: {', '.join(sorted(conf.cache_aliases()))}."
        if "CACHE" in conf.native_values():
            yield Error(told, hint=hint, id="renditions.E015")
        else:
            # The old package documents it, and many projects have it from its example.
            yield Warning(f"{told} The default cache is used.", hint=hint, id="renditions.W018")
    elif isinstance(conf.cache(), DummyCache):
        yield Warning(
            "The records of renditions go to a DummyCache, which forgets them: each page that "
            "creates on demand looks at the storage for each rendition, and each bulk run renders "
            "nothing but examines every file.",
            hint=f"Name another cache in {conf.place_of('CACHE')}.",
            id="renditions.W016",
        )


def check_table(
    name: str, table: Mapping[str, Setting], prefix: str, given: Any
) -> Iterator[CheckMessage]:
    """Check one settings dict against its table.

    Args:
        name: What the messages call the dict.
        prefix: Of the ids: 1 not a dict, 2 unknown setting, 3 invalid value.
        given: The dict.
    """
    if not isinstance(given, Mapping):
        yield _not_a_dict(name, given, f"{prefix}1")
        return
    for key, value in given.items():
        if key not in table:
            yield Error(
                f"{name}[{key!r}] is not a known setting.",
                hint=f"Correct its name, or remove it. Known: {', '.join(table)}.",
                id=f"{prefix}2",
            )
        elif not table[key].accepts(value):
            yield _invalid(f"{name}[{key!r}]", table[key], value, f"{prefix}3")


def _not_a_dict(name: str, given: Any, check_id: str) -> Error:
    return Error(
        f"{name} must be a dict, not {given!r}.",
        hint="Make it a dict, or remove it.",
        id=check_id,
    )


def _invalid(place: str, setting: Setting, value: Any, check_id: str) -> Error:
    return Error(
        f"{place} is {value!r}; it must be {setting.wanted}.",
        hint=f"Correct it, or remove it: the default is {setting.default!r}.",
        id=check_id,
    )


def _check_old_keys() -> Iterator[CheckMessage]:
    """Warn of unknown keys. The old package ignored them, so they are no error."""
    given = conf.raw(OLD)
    known = [s.old_place.key for s in SETTINGS.values() if s.old_place and s.old_place.key]
    for key in given if isinstance(given, Mapping) else ():
        if key not in known:
            yield Warning(
                f"{OLD}[{key!r}] is not a known setting.",
                hint=f"Correct its name, or remove it. Known: {', '.join(known)}.",
                id="renditions.W013",
            )


def _check_old_values() -> Iterator[CheckMessage]:
    given = conf.raw(OLD)
    if not isinstance(given, Mapping):
        yield _not_a_dict(OLD, given, "renditions.E001")
    for name, value in conf.old_values().items():
        setting = SETTINGS[name]
        if not setting.accepts(value):
            yield _invalid(str(setting.old_place), setting, value, "renditions.E003")


def _check_set_twice() -> Iterator[CheckMessage]:
    native = conf.native_values()
    for name, value in conf.old_values().items():
        if name in native and native[name] != value:
            old_place = SETTINGS[name].old_place
            yield Error(
                f"{NATIVE}[{name!r}] and {old_place} are one setting, and their values differ.",
                hint=f"Keep the right value in {NATIVE}[{name!r}] and remove {old_place}.",
                id="renditions.E014",
            )


def _check_names() -> Iterator[CheckMessage]:
    """Check that everything the settings name exists. Their types are right already."""
    yield from _check_importable("FILENAME_PROCESSOR", conf.rendition_settings().filename_processor)
    yield from _check_importable("STORE", conf.rendition_settings().store)
    yield from _check_decoders()
    yield from _check_encodings()


def _check_importable(name: str, path: str | None) -> Iterator[CheckMessage]:
    try:
        if path is not None:
            import_string(path)
    except ImportError as error:
        yield Error(
            f"{conf.place_of(name)} cannot be imported: {error}.",
            hint=f"It must be {SETTINGS[name].wanted}.",
            id="renditions.E004",
        )


def _check_decoders() -> Iterator[CheckMessage]:
    for name in conf.rendition_settings().formats:
        accepted = format_named(name)
        if not accepted.is_installed:
            yield Error(
                f"{NATIVE}['FORMATS'] has {accepted.name!r}, and {accepted.package!r}, which "
                "decodes it, is not installed.",
                hint=f"pip install 'django-renditions[{accepted.extra}]', or remove it.",
                id="renditions.E029",
            )


def _check_encodings() -> Iterator[CheckMessage]:
    """Check the encodings of single key sets: a rendition is one file, written in one way."""
    for name, given in conf.rendition_settings().encodings.items():
        label = f"{NATIVE}['ENCODINGS'][{name!r}]"
        yield from check_table(label, ENCODING_SETTINGS, "renditions.E00", given)
        if name not in conf.key_set_names():
            known = ", ".join(conf.key_set_names()) or "none"
            yield Error(
                f"{label} names an unknown rendition key set.",
                hint=f"Correct its name, or remove it. Known: {known}.",
                id="renditions.E009",
            )
    yield from _check_encoded_twice()


def _check_encoded_twice() -> Iterator[CheckMessage]:
    seen: dict[RenditionKey, tuple[str, Mapping[str, Any]]] = {}
    for name in conf.key_set_names():
        try:
            key_set, given = conf.key_set(name), conf.encodings_of(name)
        except (InvalidSizeKey, InvalidSizeKeySet):
            # check_key_sets reports it.
            continue
        for key in key_set.keys if given else ():
            other, other_given = seen.setdefault(key, (name, given))
            if other_given != given:
                yield Error(
                    f"The key sets {other!r} and {name!r} have different encodings, but both "
                    f"contain {str(key)!r}, which is one file.",
                    hint="Change the size in one of the sets, or use the same encoding for both: "
                    f"{NATIVE}['ENCODINGS'], or the quality of a picture.",
                    id="renditions.E010",
                )


def check_key_sets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every rendition key set, and report every fault in it."""
    given = conf.rendition_settings().key_sets
    if not isinstance(given, Mapping):
        return [_not_a_dict(conf.place_of("KEY_SETS"), given, "renditions.E005")]
    return [
        Error(
            f"Rendition key set {name!r}: {fault}",
            hint=f"Correct it in {conf.place_of('KEY_SETS')}[{name!r}].",
            obj=name,
            id="renditions.E006",
        )
        for name in given
        for fault in _faults(given[name])
    ]


def _faults(entries: object) -> Iterator[str]:
    """Return the faults of a key set. Each entry is parsed alone, so no fault hides another."""
    if isinstance(entries, Picture | Mapping):
        yield from _faults_of_picture(entries)
        return
    if isinstance(entries, str | bytes) or not isinstance(entries, Iterable):
        entries = [entries]
    sound: list[object] = []
    for entry in entries:
        try:
            keys = RenditionKeySet.parse([entry]).keys
            RenditionKeySet.parse([*sound, entry])
        except (InvalidSizeKey, InvalidSizeKeySet) as error:
            yield str(error)
            continue
        sound.append(entry)
        yield from (str(error) for key in keys for error in unknown_names(key))


def _faults_of_picture(picture: object) -> Iterator[str]:
    try:
        groups = RenditionKeySet.parse(picture).groups
    except (InvalidSizeKey, InvalidSizeKeySet) as error:
        yield str(error)
        return
    # A format that is unknown is so in each width.
    yield from (str(error) for key, *_ in groups for error in unknown_names(key))


def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, before a deployment, that all processes share the records."""
    if conf.records_are_shared():
        return []
    return [
        Warning(
            "The records of renditions are in the memory of one process: web servers, workers and "
            "commands do not see each other's records.",
            hint="Make CACHES['default'] a shared cache, or name one in "
            f"{conf.place_of('CACHE')}: Redis, Memcached, a database table or files.",
            id="renditions.W011",
        )
    ]


def check_fields(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that what a field names exists."""
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
        for message in (
            *_check_warm(field),
            *_check_ppoi_field(model, field),
            *_check_rendition_storage(field),
            *_check_cleanup(field),
            *_check_until_ready(field),
            *_check_meta_field(model, field),
        )
    ]


def check_storages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the setting STORAGE, and that no two originals have one path for their renditions."""
    alias = conf.rendition_settings().storage
    if isinstance(alias, str) and alias not in storages.backends:
        return [
            Error(
                f"{conf.place_of('STORAGE')} is {alias!r}, which STORAGES does not have.",
                hint=f"Known: {', '.join(storages.backends)}. Add it to STORAGES, or correct it.",
                id="renditions.E018",
            )
        ]
    sharing: dict[str, dict[str, str]] = {}
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, VersatileImageField) and not list(_check_rendition_storage(field)):
                originals, renditions = field.storages.labels
                if renditions:
                    sharing.setdefault(renditions, {}).setdefault(originals, field.label)
    return [
        Warning(
            f"{' and '.join(fields.values())} keep their originals on different storages, and "
            "their renditions on one: two originals of one name have the same renditions.",
            hint="Give the fields different folders (`upload_to`), or different rendition "
            "storages. If their names cannot be the same, silence this id in "
            "SILENCED_SYSTEM_CHECKS.",
            id="renditions.W019",
        )
        for fields in sharing.values()
        if len(fields) > 1
    ]


def check_workers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that an app makes the renditions that fields declare, and takes files away."""
    # With the view, requests make what no worker makes.
    names = ("cleanup",) if makes_on_request() else ("warm", "cleanup")
    declaring = [
        f"{field.label} declares `{name}`"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, VersatileImageField)
        for name in names
        if getattr(field, name)
    ]
    # By its label, because a project may have a package of its own that is called `workers`.
    if not declaring or "rendition_workers" in {app.label for app in apps.get_app_configs()}:
        return []
    found = find_spec("workers")
    return [
        Warning(
            f"{', '.join(declaring)}, but no worker makes or deletes a file after a save.",
            hint="Add 'workers' to INSTALLED_APPS. It must be the package of django-renditions; "
            f"here `import workers` finds {found.origin if found else 'nothing'}.",
            id="renditions.W012",
        )
    ]


def _check_warm(field: VersatileImageField) -> Iterator[CheckMessage]:
    for name in field.warm:
        try:
            conf.key_set(name)
        except ImproperlyConfigured as error:
            yield Error(
                f"{field.label}: warm={name!r}: {error}",
                hint="Define the key set, or correct the name in `warm`.",
                obj=field,
                id="renditions.E007",
            )
        except (InvalidSizeKey, InvalidSizeKeySet):
            # check_key_sets reports it once.
            continue


def _check_rendition_storage(field: VersatileImageField) -> Iterator[CheckMessage]:
    alias = field.chosen_rendition_storage
    if isinstance(alias, str) and alias not in storages.backends:
        yield Error(
            f"{field.label}: rendition_storage={alias!r} is not in STORAGES.",
            hint=f"Known: {', '.join(storages.backends)}. Add it to STORAGES, or correct it.",
            obj=field,
            id="renditions.E018",
        )


def _check_cleanup(field: VersatileImageField) -> Iterator[CheckMessage]:
    known = [None, *(each.value for each in Cleanup)]
    if field.chosen_cleanup is not models.NOT_PROVIDED and field.chosen_cleanup not in known:
        yield Error(
            f"{field.label}: cleanup={field.chosen_cleanup!r} is not one of "
            f"{', '.join(map(repr, known))}.",
            hint="Correct it, or leave it out: then the setting CLEANUP decides.",
            obj=field,
            id="renditions.E022",
        )


def _check_until_ready(field: VersatileImageField) -> Iterator[CheckMessage]:
    known = [each.value for each in UntilReady]
    if field.chosen_until_ready not in (None, *known):
        yield Error(
            f"{field.label}: until_ready={field.chosen_until_ready!r} is not one of "
            f"{', '.join(map(repr, known))}.",
            hint="Correct it, or leave it out: then the setting UNTIL_READY decides.",
            obj=field,
            id="renditions.E024",
        )


def _check_meta_field(
    model: type[models.Model], field: VersatileImageField
) -> Iterator[CheckMessage]:
    if field.meta_field:
        if not isinstance(_field_of(model, field.meta_field), PictureMetaField):
            yield Error(
                f"{field.label}: {model._meta.label} has no PictureMetaField {field.meta_field!r}.",
                hint=f"Add {field.meta_field} = PictureMetaField() to the model, or correct "
                "meta_field.",
                obj=field,
                id="renditions.E025",
            )
        others = [
            other.name
            for other in model._meta.local_fields
            if getattr(other, "meta_field", None) == field.meta_field and other is not field
        ]
        if others:
            yield Warning(
                f"{field.label}: {others[0]!r} has the same meta_field, {field.meta_field!r}. It "
                "holds the facts of one picture, so those of the other are not known.",
                hint="Give each field a PictureMetaField of its own.",
                obj=field,
                id="renditions.W028",
            )
        return
    pictures = [name for name in field.warm if _is_picture(name)]
    if pictures and len(columns_of(field)) < 2:  # width and height
        yield Warning(
            f"{field.label}: warm={pictures[0]!r} is a responsive picture, and no column tells "
            "the size of an original. So pages offer widths that an original does not have, and "
            "the place of a picture without a ratio moves when it is loaded.",
            hint="Add a PictureMetaField and name it in meta_field, or set width_field and "
            "height_field.",
            obj=field,
            id="renditions.W026",
        )


def _is_picture(name: str) -> bool:
    try:
        return conf.key_set(name).picture is not None
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet):
        # Other checks report it.
        return False


def _field_of(model: type[models.Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def check_indexes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, with `--deploy`, that a worker finds the rows that show a picture by an index."""
    return [
        Warning(
            f"{field.label}: each picture that is taken away costs a look at all rows.",
            hint="If the table is large, add db_index=True to the field, and migrate.",
            obj=field,
            id="renditions.W023",
        )
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, VersatileImageField) and field.cleanup
        if not _has_index(model, field)
    ]


def check_on_request(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, with `--deploy`, that a request for a missing rendition finds its row by an index."""
    if not makes_on_request():
        return []
    return [
        Warning(
            f"{field.label}: each request for a missing rendition costs a look at all rows.",
            hint="If the table is large, add db_index=True to the field, and migrate.",
            obj=field,
            id="renditions.W027",
        )
        for field in image_fields_with_warm()
        if not _has_index(field.model, field)
    ]


def _has_index(model: type[models.Model], field: Any) -> bool:
    if field.db_index or field.unique:
        return True
    return any(index.fields[:1] == [field.name] for index in model._meta.indexes)


def _check_ppoi_field(
    model: type[models.Model], field: VersatileImageField
) -> Iterator[CheckMessage]:
    if not field.ppoi_field:
        return
    if not isinstance(_field_of(model, field.ppoi_field), PPOIField):
        yield Error(
            f"{field.label}: {model._meta.label} has no PPOIField {field.ppoi_field!r}.",
            hint=f"Add {field.ppoi_field} = PPOIField() to the model, or correct ppoi_field.",
            obj=field,
            id="renditions.E008",
        )
