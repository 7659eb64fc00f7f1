"""execve with any bytes as the environment (duplicate entries, entries without a name, text that
is not UTF-8), and the reverse: parsing an environment."""

import ctypes
import os
import shutil

from support.namespaces import call

PATH = "/opt/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def execute(command, env):
    """`env` is a dict, to which PATH is added, or a list of entries that is used unchanged."""
    if not isinstance(env, list):
        env = [os.fsencode(f"{name}={value}") for name, value in {"PATH": PATH, **(env or {})}.items()]
    program = shutil.which(command[0], path=PATH)
    call("execve", program.encode(), _strings([os.fsencode(word) for word in command]), _strings(env))


def parse_environment(data):
    """The contents of /proc/PID/environ as a dict."""
    return dict(os.fsdecode(entry).partition("=")[::2] for entry in data.split(b"\0") if entry)


def _strings(items):
    return (ctypes.c_char_p * (len(items) + 1))(*items, None)
