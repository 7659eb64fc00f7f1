"""Commands of `ostiary telemetry` in a page: whether they exist, and whether one has a secret as an argument."""

import re
import shlex
import subprocess

COMMANDS = ("local", "connect", "check", "undo")


def fenced(text, language):
    """The lines of the fenced blocks in a language."""
    return [line for block in re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.M | re.S)
            for line in map(str.strip, block.splitlines()) if line]


def of_telemetry(text):
    """Every command of `ostiary telemetry` in a text: in fenced blocks, in indented lines, and between backticks."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [line.strip() for line in lines if re.match(r" *(?:sudo )?ostiary telemetry", line)]
    found += [code for code in re.findall(r"`([^`\n]+)`", text)]
    return [each for each in found if "ostiary telemetry" in each]


def unknown_words(binary, text):
    """The commands and flags of `ostiary telemetry` in a text, also flags alone, that the program does not have."""
    unknown = set()
    for command in of_telemetry(text):
        for part in command.split("ostiary telemetry")[1:]:
            words = re.split(r"[|;<>&)]", part)[0].split()
            if not words:
                continue
            name, flags = f"ostiary telemetry {words[0]}", {word.split("=")[0] for word in words if word.startswith("--")}
            known = _flags(binary, words[0])
            unknown |= {name} if known is None else {f"{name} {flag}" for flag in flags - known}
    alone = {code.split()[0] for code in re.findall(r"`(--[^`\n]+)`", text)}
    return unknown | (alone - set().union(*(_flags(binary, command) for command in COMMANDS)))


def with_secrets(text):
    """The commands in a text that have a value of a header as an argument, or echo one."""
    found = []
    for command in of_telemetry(text):
        header = re.search(r"--header[ =](.*)", command)
        named = shlex.split(header[1])[0] if header else "Authorization"
        if not re.fullmatch(r"[A-Za-z-]+", named) or re.search(r"Bearer|Basic|echo|printf|TOKEN|<<<", command):
            found.append(command)
    return found


def _flags(binary, command):
    """The flags of a command; None if there is no such command."""
    done = subprocess.run([binary, "telemetry", command, "--help"], capture_output=True, text=True, timeout=60)
    return set(re.findall(r"--[a-z-]+", done.stdout)) if done.returncode == 0 else None
