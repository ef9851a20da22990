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
    """Return a function that runs the command and returns its output."""

    def run(*arguments: str) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            call_command("rewarm", *arguments)
        return capsys.readouterr().out

    return run


def test_start_starts_a_run_and_prints_it(rewarm):
    """Starting twice prints the same run."""
    printed = rewarm("start", LABEL, "--force")

    run = WarmRun.objects.get()
    assert printed == f"{LABEL} #{run.pk}: running, 0 planned: nothing yet.\n"
    assert run.force
    assert [kwargs["run_id"] for _, kwargs in drain(BULK_QUEUE)] == [run.pk]
    assert rewarm("start", LABEL) == printed
    assert drain(BULK_QUEUE) == []


def test_start_without_a_field_starts_a_run_for_each(rewarm):
    rewarm("start")

    started = [f"{run.model_label}.{run.field_name}" for run in WarmRun.objects.all()]
    assert sorted(started) == sorted(field.label for field in all_warmed_fields())
    assert LABEL in started


def test_status_prints_the_counts_of_the_last_run(rewarm):
    """Counts that are 0 are left out."""
    assert rewarm("status", LABEL) == "No bulk run was started yet.\n"
    Person.objects.create(name="blank")
    old, last = (runs.start(Person._meta.get_field("headshot")) for _ in "ab")
    assert old == last
    runs.advance("default", last.pk)

    printed = rewarm("status", LABEL)

    assert printed == f"{LABEL} #{last.pk}: running, 1 planned: 1 blank.\n"


def test_pause_resume_and_cancel_print_the_new_state(rewarm):
    rewarm("start", LABEL)
    run = WarmRun.objects.get()

    for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert rewarm(action) == f"{LABEL} #{run.pk}: {state}, 0 planned: nothing yet.\n"
    with pytest.raises(CommandError, match="There is no bulk run to resume"):
        rewarm("resume", LABEL)


def test_an_unknown_field_is_an_error_that_names_the_known_ones(rewarm):
    with pytest.raises(CommandError, match=r"'app.Person.portait' is not a field.*app.Person.head"):
        rewarm("start", "app.Person.portait")
