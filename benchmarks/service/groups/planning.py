"""A bulk run over photos of which nothing is made: it enqueues a job for each."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ..app.models import Photo
from ..environment import Environment
from ..pictures import FOLDER, picture
from ..server import server_cpu_s
from ..walks import end, walk

COUNT, QUICK_COUNT = 2000, 5
ROUNDS = 4


def measure(environment: Environment) -> dict[str, object]:
    """Plan all photos; the fastest of several runs counts. No job is sent."""
    count = QUICK_COUNT if environment.quick else COUNT
    content = picture()
    names = [f"{FOLDER}/owed-{number:05}.jpg" for number in range(count)]
    for name in names:
        default_storage.save(name, ContentFile(content))
    Photo.objects.bulk_create(Photo(title=name, image=name) for name in names)
    wall_s, client_s, both_s = [], [], []
    for _ in range(1 if environment.quick else ROUNDS):
        before = server_cpu_s()
        found = walk()
        server_s = server_cpu_s() - before
        assert found.run.jobs.count() == found.run.planned == count, found.run.counts
        end(found.run)
        wall_s.append(found.wall_s)
        client_s.append(found.cpu_s)
        both_s.append(found.cpu_s + server_s)
    return {
        "per_s": count / min(wall_s),
        "per_cpu_s": count / min(client_s),
        "per_cpu_s_with_server": count / min(both_s),
    }
