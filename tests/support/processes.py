"""Processes as /proc shows them, by their PIDs in the PID namespace of the tests."""

import os
from pathlib import Path


def parse_status(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def status(pid):
    return parse_status(Path(f"/proc/{pid}/status").read_text())


def field(pid, name):
    """The field, or None if the process is gone."""
    try:
        return status(pid)[name].strip()
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None


def proportional_set_size(pid):
    """The PSS in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def within(session):
    """All processes of the session's sandbox, also those that were started beside the session."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _namespace(pid) == session.namespace]


def named(session, name):
    return [pid for pid in within(session) if field(pid, "Name") == name]


def namespace_of(pid):
    return os.stat(f"/proc/{pid}/ns/pid").st_ino


def _namespace(pid):
    try:
        return namespace_of(pid)
    except OSError:
        return None
