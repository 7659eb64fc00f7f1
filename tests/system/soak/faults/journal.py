"""What befalls the audit: its disk is full, nobody reads its pipe, its pipe is closed."""

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
HALF = b'{"time":"2026-'
PATIENCE = 5
MANY = 1500  # events, each of a name of its own
FOLDED = 1.5  # seconds, after which they are told
PIPE_ROOM = 65536 - 2 * 4096  # octets; what is left may be less than an event takes


def small_disk(container):
    """Before it is moved into."""
    container.mkdir(DIRECTORY)
    namespaces.call("mount", "tmpfs", container.at(DIRECTORY), "tmpfs", 0, SMALL)


def take_away_the_disk(container):
    namespaces.unmount(container.at(DIRECTORY))


class DiskFull(Fault):
    name = "audit's disk full"

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng, journal="small disk")
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
        prove(lost(), "the journal tells of no event that was lost")
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

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng, journal="pipe")
        err = container.session.err
        prove(err.fd is not None, "the pipe was closed before")
        container.deaf = True
        try:
            container.ask_in_vain(MANY)
            time.sleep(max(seconds, FOLDED))
            waiting = struct.unpack("i", fcntl.ioctl(err.fd, termios.FIONREAD, bytes(4)))[0]
        finally:
            container.deaf = False
        prove(waiting > PIPE_ROOM, f"only {waiting} octets waited to be read")
        return {"octets nobody read": waiting}


class PipeClosed(Fault):
    name = "audit's pipe closed"

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng, journal="pipe to close")
        container.listen()
        prove(container.session.err.fd is not None, "it stays closed, since it was once")
        container.session.err.close()
        time.sleep(seconds)
        prove(not is_read(container.keeper), "somebody still reads it")
        return {"closed for good": 1}


def is_read(keeper):
    """Whether somebody is at the other end of its standard error."""
    copy = os.open(f"/proc/{keeper}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        watch = select.poll()
        watch.register(copy, 0)
        return not watch.poll(0)
    finally:
        os.close(copy)


class HalfALine(Fault):
    name = "audit's last line cut short"

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng, journal="file")
        journal = container.at(f"{DIRECTORY}/audit.jsonl")
        with container.quiet:
            with journal.open("ab", buffering=0) as file:
                file.write(HALF)
            container.ask_in_vain(50)
            prove(container.answers() is not None, "the gate does not answer")
            end = time.monotonic() + PATIENCE
            while (found := journal.read_bytes().find(HALF + b"\n{")) < 0 and time.monotonic() < end:
                time.sleep(0.05)
        assert found > 0, f"{container.name}: nobody ended the line"
        return {"ended by the next event": 1}


FAULTS = [DiskFull(), HalfALine(), PipeUnread(), PipeClosed()]
