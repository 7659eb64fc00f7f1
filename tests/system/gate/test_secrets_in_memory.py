"""The keeper's memory stays hidden where the kernel shows the memory of a process that has changed its
user: fs.suid_dumpable is 2 on machines that collect core files. It is the whole machine's, so a
library in front of the keeper does what the kernel would do."""

import os
import resource
import shutil
import signal
import subprocess

import pytest

from support.behaviours import host
from support.internet import ALLOWED
from support.telemetry import MARKER

LIKE_THE_KERNEL = """
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
static int change(long call, unsigned to) {
  long before = syscall(call, to);
  if (before != (long)to) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return (int)before;
}
int setfsuid(uid_t to) { return change(SYS_setfsuid, to); }
int setfsgid(gid_t to) { return change(SYS_setfsgid, to); }
"""


@pytest.fixture
def library(container):
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler builds the program, too"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", container.at("/opt/like_the_kernel.so"), "-x", "c", "-"],
                   input=LIKE_THE_KERNEL, text=True, check=True)
    return "/opt/like_the_kernel.so"


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


def test_a_crash_of_the_keeper_leaves_no_core_file(container, library):
    env = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": library, "ANTHROPIC_API_KEY": MARKER}
    agent = container.start_agent("--allow", "allowed.example", env=env, pid_1=False,
                                  prepare=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    keeper = agent.session.program
    assert "like_the_kernel" in open(f"/proc/{keeper}/maps").read()
    os.kill(keeper, signal.SIGSEGV)
    agent.session.wait()
    assert not [path for path in container.path.rglob("*core*") if path.is_file() and MARKER.encode() in path.read_bytes()]
