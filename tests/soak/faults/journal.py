"""Faults of the audit: its disk is full, its pipe is not read, its pipe is closed, its last line
is incomplete."""

import fcntl
import os
import re
import select
import struct
import termios
import time

from soak.fault import Fault, prove
from support import namespaces

DIRECTORY = "/var/log/ostiary"
SMALL = b"size=32m,mode=755"
LOST = re.compile(rb'"event":"events_lost","count":(\d+)')
PARTIAL_LINE = b'{"time":"2026-'
PATIENCE = 5
MANY_EVENTS = 1500  # events, each with a different name
FOLD_WINDOW = 1.5  # seconds after which folded events are written
PIPE_ROOM = 65536 - 2 * 4096  # octets; the rest may be too small for an event


def small_disk(container):
    """Call this before the container boots."""
    container.mkdir(DIRECTORY)
    namespaces.call("mount", "tmpfs", container.at(DIRECTORY), "tmpfs", 0, SMALL)


def remove_small_disk(container):
    namespaces.unmount(container.at(DIRECTORY))


class DiskFull(Fault):
    name = "audit's disk full"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, journal="small disk")
        journal, filler = container.at(f"{DIRECTORY}/audit.jsonl"), container.at(f"{DIRECTORY}/filler")
        with journal.open("r+b") as file:
            file.truncate(0)
        before = journal.stat().st_size
        fill(filler)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fill(filler)
            time.sleep(0.1)
        written = journal.stat().st_size - before
        filler.unlink()
        lost = lambda: sum(map(int, LOST.findall(journal.read_bytes())))
        while not lost() and time.monotonic() < end + 5:
            time.sleep(0.1)
        prove(lost(), "the journal reports no lost event")
        return {"events lost": lost(), "octets written meanwhile": written}


def fill(path):
    with path.open("ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass


class PipeUnread(Fault):
    name = "audit's pipe not read"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, journal="pipe")
        err = container.session.err
        prove(err.fd is not None, "the pipe was closed before")
        container.unread = True
        try:
            container.ask_denied_names(MANY_EVENTS)
            time.sleep(max(seconds, FOLD_WINDOW))
            waiting = struct.unpack("i", fcntl.ioctl(err.fd, termios.FIONREAD, bytes(4)))[0]
        finally:
            container.unread = False
        prove(waiting > PIPE_ROOM, f"only {waiting} octets waited to be read")
        return {"octets not read": waiting}


class PipeClosed(Fault):
    name = "audit's pipe closed"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, journal="pipe to close")
        container.listen()
        prove(container.session.err.fd is not None, "an earlier run has closed it")
        container.session.err.close()
        time.sleep(seconds)
        prove(not is_read(container.keeper), "the pipe is still open")
        return {"closed for good": 1}


def is_read(keeper):
    """Whether the other end of the keeper's standard error is open."""
    copy = os.open(f"/proc/{keeper}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        watch = select.poll()
        watch.register(copy, 0)
        return not watch.poll(0)
    finally:
        os.close(copy)


class LastLineCutShort(Fault):
    name = "audit's last line cut short"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, journal="file")
        journal = container.at(f"{DIRECTORY}/audit.jsonl")
        with container.gate_lock:
            with journal.open("ab", buffering=0) as file:
                file.write(PARTIAL_LINE)
            container.ask_denied_names(50)
            prove(container.answers() is not None, "the gate does not answer")
            end = time.monotonic() + PATIENCE
            while (found := journal.read_bytes().find(PARTIAL_LINE + b"\n{")) < 0 and time.monotonic() < end:
                time.sleep(0.05)
        assert found > 0, f"{container.name}: the line was not ended"
        return {"ended by the next event": 1}


FAULTS = [DiskFull(), LastLineCutShort(), PipeUnread(), PipeClosed()]
