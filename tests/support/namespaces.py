"""A child process in new namespaces, or in those of another process."""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
ALL_BUT_PID = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}[os.uname().machine]

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    arguments = [os.fsencode(a) if isinstance(a, (str, os.PathLike)) else a for a in arguments]
    if getattr(libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def fork_into_new_namespaces():
    """os.fork(), but the child is process 1 of a new PID namespace and has new namespaces of all
    other kinds."""
    call("unshare", CLONE_NEWPID)
    pid = _fork_and_return_to_our_own()
    if pid == 0:
        call("unshare", ALL_BUT_PID)
    return pid


def fork_into_namespaces_of(pidfd):
    """os.fork(), but the child joins the namespaces of the process that `pidfd` refers to, as
    `docker exec` does."""
    call("setns", pidfd, CLONE_NEWPID)
    pid = _fork_and_return_to_our_own()
    if pid == 0:
        call("setns", pidfd, ALL_BUT_PID)
    return pid


def _fork_and_return_to_our_own():
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid != 0:
            own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            call("setns", own, CLONE_NEWPID)
            os.close(own)
    return pid


def unshare_mounts():
    """After this call, only this process and its children see the mounts that they make."""
    call("unshare", CLONE_NEWNS)
    call("mount", "none", "/", None, MS_REC | MS_PRIVATE, None)


def mount_memory(path):
    call("mount", "tmpfs", path, "tmpfs", 0, b"mode=755")


def only_processes_in_proc():
    """For prepare=: mounts /proc with subset=pid, as some container runtimes do."""
    call("mount", "proc", "/proc", "proc", 0, b"subset=pid")


def unmount(path):
    call("umount2", path, MNT_DETACH)


def bind(source, target, flags=0):
    call("mount", source, target, None, MS_BIND | MS_REC, None)
    if flags:
        call("mount", "none", target, None, MS_BIND | MS_REMOUNT | flags, None)


def enter_root(root):
    """Makes `root` the root of this mount namespace. Nothing outside it stays reachable."""
    bind(root, root)
    os.chdir(root)
    call("syscall", SYS_PIVOT_ROOT, ".", ".")
    call("umount2", ".", MNT_DETACH)
    os.chdir("/")
