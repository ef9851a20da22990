"""Records and their only reader and writer."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renditions.errors import SourceMissing, StoreUnavailable
from renditions.records import Recorder, RecordState, RenditionRecord, record_key
from renditions.testing import _plan


class Memory:
    """A record store in a dict that counts its calls and can stop answering."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.is_silent = False
        self.calls = 0

    def _called(self) -> None:
        self.calls += 1
        if self.is_silent:
            raise StoreUnavailable("no answer")

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
        headline=st.text(),
        detail=st.text(),
    )
)
def test_a_record_is_unchanged_by_a_round_trip_through_text(record):
    assert RenditionRecord.from_text(record.to_text()) == record


@settings(max_examples=50)
@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.lists(st.integers())))
def test_a_text_that_is_not_a_record_is_ignored(text):
    """A shared cache can hold any text under a key of a record."""
    assert RenditionRecord.from_text(text) is None


@pytest.mark.parametrize(
    "damage", [lambda t: t + "x", lambda t: t + t, lambda t: t[:-1], lambda t: f"[{t}]", str.upper]
)
def test_a_damaged_record_is_ignored(damage):
    assert RenditionRecord.from_text(damage(RECORD.to_text())) is None


def test_a_record_of_an_earlier_release_is_read():
    """It had all reasons of a failure, empty ones included."""
    text = (
        '{"v":1,"path":"a.jpg","state":"created","fingerprint":"f","source_version":"v",'
        '"attempts":0,"recorded_at":"2026-01-02T03:04:05.678901+00:00","kind":"","headline":"",'
        '"detail":""}'
    )

    assert RenditionRecord.from_text(text) == RECORD


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
    """A rendition of another plan, or of a replaced original, is not current."""
    plan = _plan("a.jpg")
    record = replace(record, fingerprint=record.fingerprint.replace("f", plan.fingerprint, 1))

    assert record.is_current(plan, "v") is current


@settings(max_examples=50)
@given(st.text(), st.text())
def test_keys_fit_every_cache(storage, path):
    """A key is short and printable, whatever the path is."""
    key = record_key(storage, path)

    assert len(key) <= 60
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_the_same_path_on_two_storages_has_two_keys():
    assert record_key("a", "b.jpg") != record_key("b", "b.jpg")
    assert record_key("a", "bc") != record_key("ab", "c")


def test_reading_takes_one_call_however_many_plans():
    """A page with fifty renditions asks the store once."""
    store = Memory()

    Recorder(store).recall([_plan(f"{number}.jpg") for number in range(50)])

    assert store.calls == 1


def test_no_plans_take_no_call():
    store = Memory()
    recorder = Recorder(store)

    assert recorder.recall([]) == {}
    recorder.record_created({}, "v")
    recorder.record_failed({}, "v")

    assert store.calls == 0


def test_a_record_of_another_path_is_ignored():
    """The store returned it under a wrong key."""
    store, plan = Memory(), _plan("b.jpg")
    store.texts[record_key(plan.storage, plan.path)] = RECORD.to_text()

    assert Recorder(store).recall([plan]) == {}


def test_a_store_that_does_not_answer_breaks_nothing(caplog):
    """Pages and workers continue without records, and the log names the fault."""
    store, plan = Memory(), _plan("a.jpg")
    store.is_silent = True
    recorder = Recorder(store)

    assert recorder.recall([plan]) == {}
    recorder.record_created({plan: None}, "v")
    recorder.record_failed({plan: SourceMissing("gone")}, "v")
    recorder.delete(plan.storage, [plan.path])

    assert caplog.text.count("no answer") == 1


def test_a_store_that_is_away_is_said_once_and_once_when_it_is_back(caplog):
    """Not for each picture, and not for each kind of call."""
    caplog.set_level("INFO", "renditions.records")
    store, plan = Memory(), _plan("a.jpg")
    recorder = Recorder(store)

    for store.is_silent in (False, True, True, False, False):
        recorder.recall([plan])
        recorder.record_created({plan: None}, "v")

    away, back = caplog.records
    assert (away.levelname, away.rendition_state, away.rendition_outage) == (
        *("WARNING", "away"),
        "records",
    )
    assert (back.levelname, back.rendition_state) == ("INFO", "back")
    assert back.getMessage() == "The cache answers again, after 0 s."
    store.is_silent = True
    recorder.recall([plan])
    assert len(caplog.records) == 3


def test_a_store_that_can_only_be_read_is_said_once(caplog):
    """Such as a Redis that is full: reads that succeed are no end of it."""
    caplog.set_level("INFO", "renditions.records")
    store, plan = Memory(), _plan("a.jpg")
    recorder = Recorder(store)

    for _ in range(3):
        store.is_silent = False
        recorder.recall([plan])
        store.is_silent = True
        recorder.record_created({plan: None}, "v")

    [away] = caplog.records
    assert "Records cannot be written" in away.getMessage()


def test_the_time_of_a_record_is_aware():
    """It is the same moment in every time zone."""
    store, plan = Memory(), _plan("a.jpg")
    Recorder(store).record_created({plan: None}, "v")

    record = Recorder(store).recall([plan])[plan.path]

    assert record.recorded_at.tzinfo is not None
    assert abs((datetime.now(UTC) - record.recorded_at).total_seconds()) < 60
