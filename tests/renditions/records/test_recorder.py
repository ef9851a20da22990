"""The only reader and writer of records."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renditions.errors import SourceMissing, StoreUnavailable
from renditions.records import Recorder, RecordState, RenditionRecord, record_key
from renditions.testing import _plan


class Memory:
    """A record store in a dict, which may be told not to answer; it counts its calls."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.is_away = False
        self.calls = 0

    def _called(self) -> None:
        self.calls += 1
        if self.is_away:
            raise StoreUnavailable("away")

    def get_many(self, keys):
        self._called()
        return {key: self.texts[key] for key in keys if key in self.texts}

    def set_many(self, texts):
        self._called()
        self.texts.update(texts)

    def delete_many(self, keys):
        self._called()
        for key in keys:
            self.texts.pop(key, None)


RECORD = RenditionRecord(
    path="a.jpg",
    state=RecordState.CREATED,
    fingerprint="f",
    source_version="v",
    attempts=0,
    recorded_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
)


@settings(max_examples=30)
@given(
    st.builds(
        RenditionRecord,
        path=st.text(),
        state=st.sampled_from(RecordState),
        fingerprint=st.text(),
        source_version=st.text(),
        attempts=st.integers(0, 2**31),
        recorded_at=st.datetimes(timezones=st.just(UTC)),
        kind=st.text(),
        error=st.text(),
    )
)
def test_a_record_survives_being_text(record):
    """Whatever a record holds comes back from its text unchanged."""
    assert RenditionRecord.from_text(record.to_text()) == record


@settings(max_examples=50)
@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.lists(st.integers())))
def test_no_text_of_somebody_else_breaks_anything(text):
    """Whatever lies under our key in a shared cache is unknown at worst."""
    assert RenditionRecord.from_text(text) is None


@pytest.mark.parametrize(
    ("record", "current"),
    [
        (RECORD, True),
        (replace(RECORD, state=RecordState.FAILED), False),
        (replace(RECORD, fingerprint="of another plan"), False),
        (replace(RECORD, source_version="of another original"), False),
    ],
)
def test_a_record_is_current_for_its_plan_and_original_only(record, current):
    """A rendition counts as made only from this very original and as planned now."""
    plan = _plan("a.jpg")
    record = replace(record, fingerprint=record.fingerprint.replace("f", plan.fingerprint, 1))

    assert record.is_current(plan, "v") is current


@settings(max_examples=50)
@given(st.text(), st.text())
def test_keys_fit_every_cache(storage, path):
    """A key has no space or control character and is short, whatever the path holds."""
    key = record_key(storage, path)

    assert len(key) <= 60
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_the_same_path_on_two_storages_has_two_keys():
    """Pictures of one name on two storages do not share a record."""
    assert record_key("a", "b.jpg") != record_key("b", "b.jpg")
    assert record_key("a", "bc") != record_key("ab", "c")


def test_reading_takes_one_call_however_many_plans():
    """A page with fifty renditions asks the store once."""
    store = Memory()

    Recorder(store).recall([_plan(f"{number}.jpg") for number in range(50)])

    assert store.calls == 1


def test_no_plans_take_no_call():
    """Nothing is asked for where there is nothing to know."""
    store = Memory()
    recorder = Recorder(store)

    assert recorder.recall([]) == {}
    recorder.record_created([], "v")
    recorder.record_failed({}, "v")

    assert store.calls == 0


def test_a_record_that_names_another_path_is_not_believed():
    """A text that came under the wrong key says nothing about this path."""
    store, plan = Memory(), _plan("b.jpg")
    store.texts[record_key(plan.storage, plan.path)] = RECORD.to_text()

    assert Recorder(store).recall([plan]) == {}


def test_a_store_that_is_away_breaks_nothing(caplog):
    """Pages and workers go on without a record store; the log says what is missing."""
    store, plan = Memory(), _plan("a.jpg")
    store.is_away = True
    recorder = Recorder(store)

    assert recorder.recall([plan]) == {}
    recorder.record_created([plan], "v")
    recorder.record_failed({plan: SourceMissing("gone")}, "v")
    recorder.forget(plan.storage, [plan.path])

    assert caplog.text.count("away") == 5


def test_times_are_aware():
    """When something was recorded is the same moment in every time zone."""
    store, plan = Memory(), _plan("a.jpg")
    Recorder(store).record_created([plan], "v")

    record = Recorder(store).recall([plan])[plan.path]

    assert record.recorded_at.tzinfo is not None
    assert abs((datetime.now(UTC) - record.recorded_at).total_seconds()) < 60
