"""The threads of the tests end before their databases are gone."""

from threading import Event, Timer

import pytest
from django.db import connections

from tests.workers.concurrency import PATIENCE_S, Call
from tests.workers.conftest import registered


@pytest.mark.parametrize("alias", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_database_is_known_until_its_threads_have_closed_their_connections(
    request, alias, django_db_blocker
):
    """Else a connection stays open, and some later test reports it when it is collected."""
    connection = request.getfixturevalue(f"_{alias}_connection")
    is_connected, may_end, others = Event(), Event(), []

    def connect() -> None:
        others.append(connections[alias])
        others[0].inc_thread_sharing()
        others[0].ensure_connection()
        is_connected.set()
        assert may_end.wait(PATIENCE_S)

    with django_db_blocker.unblock():
        with registered(connection):
            call = Call(connect)
            assert is_connected.wait(PATIENCE_S)
            Timer(0.2, may_end.set).start()

        call.result()
        is_open = others[0].connection is not None
        others[0].close()

    assert not is_open
