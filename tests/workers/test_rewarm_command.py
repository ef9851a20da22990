"""manage.py rewarm: bulk runs from the shell."""

import pytest
from django.core.management import CommandError, call_command

from tests.app.models import Person
from tests.workers.broker import drain
from workers import runs
from workers.conf import BULK_QUEUE
from workers.models import WarmRun
from workers.targets import all_warmed_fields

LABEL = "app.Person.headshot"

pytestmark = pytest.mark.django_db


@pytest.fixture
def rewarm(capsys, django_capture_on_commit_callbacks):
    """Return the command, which gives what it printed."""

    def run(*arguments: str) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            call_command("rewarm", *arguments)
        return capsys.readouterr().out

    return run


def test_a_run_is_started_and_told_of(rewarm):
    """Starting sends the run to the workers; starting once more tells of the same one."""
    printed = rewarm("start", LABEL, "--force")

    run = WarmRun.objects.get()
    assert printed == f"{LABEL} #{run.pk}: running, 0 planned: nothing yet.\n"
    assert run.force
    assert [kwargs["run_id"] for _, kwargs in drain(BULK_QUEUE)] == [run.pk]
    assert rewarm("start", LABEL) == printed
    assert drain(BULK_QUEUE) == []


def test_every_field_is_started_where_none_is_named(rewarm):
    """Without a field, each one that declares something has its run."""
    rewarm("start")

    started = [f"{run.model_label}.{run.field_name}" for run in WarmRun.objects.all()]
    assert sorted(started) == sorted(field.label for field in all_warmed_fields())
    assert LABEL in started


def test_the_status_tells_the_counts_of_the_last_run(rewarm):
    """Every count that is not 0 is named, of the last run only."""
    assert rewarm("status", LABEL) == "No bulk run was started yet.\n"
    Person.objects.create(name="blank")
    old, last = (runs.start(Person._meta.get_field("headshot")) for _ in "ab")
    assert old == last
    runs.advance("default", last.pk)

    printed = rewarm("status", LABEL)

    assert printed == f"{LABEL} #{last.pk}: running, 1 planned: 1 blank.\n"


def test_a_run_is_turned(rewarm):
    """Pause, resume and cancel say where the run stands afterwards."""
    rewarm("start", LABEL)
    run = WarmRun.objects.get()

    for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert rewarm(action) == f"{LABEL} #{run.pk}: {state}, 0 planned: nothing yet.\n"
    with pytest.raises(CommandError, match="There is no bulk run to resume"):
        rewarm("resume", LABEL)


def test_a_field_that_declares_nothing_is_named(rewarm):
    """A wrong label is answered with those that would be right."""
    with pytest.raises(CommandError, match=r"'app.Person.portait' is not a field.*app.Person.head"):
        rewarm("start", "app.Person.portait")
