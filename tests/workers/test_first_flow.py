import pytest
from tests.app.models import Person
from workers import jobs, ledger
from workers.models import WarmJob


@pytest.mark.django_db
def test_flow(picture, django_capture_on_commit_callbacks):
    person = Person.objects.create(headshot=picture())
    job = WarmJob.objects.get()
    print(job.__dict__)
    jobs.work(ledger.Hint("default", job.pk, job.generation), "t1", "w1")
    assert not WarmJob.objects.exists()
    for plan in person.headshot.plans():
        assert person.headshot.storage.exists(plan.path), plan
        print(plan.path)
    person.name = "x"
    person.save()
    assert not WarmJob.objects.exists()
    person.headshot.ppoi = (0.2, 0.2)
    person.save()
    assert WarmJob.objects.exists()
