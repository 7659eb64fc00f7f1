"""Runs contenders in turn, so that a slow moment of the machine affects all of them. The order
changes each time, so that none always follows the same other."""

import os
import subprocess
import tempfile
import time

from bench.figures import Series

PLAIN = {"PATH": os.environ["PATH"], "HOME": "/root"}


def turned(contenders, number):
    """Each contender once. Each round begins with the next contender, and every other round is
    reversed."""
    everyone = list(contenders)
    first = number % len(everyone) if everyone else 0
    order = everyone[first:] + everyone[:first]
    return reversed(order) if number % 2 else order


def in_turn(contenders, rounds) -> list[Series]:
    """Takes samples. `contenders` is {name: function that takes one sample}. One more round warms
    up."""
    series = [Series(name, []) for name in contenders]
    for number in range(rounds + 1):
        for each, sample in turned(zip(series, contenders.values()), number):
            measured = sample()
            if number > 0:
                each.samples.append(measured)
    return series


class Run:
    """A process, and the time at which it started."""

    def __init__(self, command, environment=None, output=subprocess.DEVNULL):
        self._errors = tempfile.TemporaryFile()
        self._began = time.perf_counter()
        self._process = subprocess.Popen(command, env=environment or PLAIN, stdin=subprocess.DEVNULL, stdout=output,
                                         stderr=self._errors)

    def milliseconds(self):
        return (time.perf_counter() - self._began) * 1000

    def wait(self):
        status = self._process.wait()
        with self._errors:
            if status != 0:
                self._errors.seek(0)
                words = " ".join(map(str, self._process.args[:3]))
                raise RuntimeError(f"{words} ended with {status}: {self._errors.read().decode()[-1000:]}")


def milliseconds_to_end(command, environment=None):
    run = Run(command, environment)
    run.wait()
    return run.milliseconds()


def first_output(command, environment=None):
    """The first output of the command, and the milliseconds until it came. Waits for the
    command's end."""
    readable, writable = os.pipe()
    run = Run(command, environment, output=writable)
    os.close(writable)
    try:
        output = os.read(readable, 4096)
        taken = run.milliseconds()
        run.wait()
    finally:
        os.close(readable)
    return output, taken
