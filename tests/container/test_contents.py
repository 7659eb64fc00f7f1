"""The files that ostiary adds to an image: itself, its libraries, and the package manager's data."""

import os
import re
import stat
import subprocess

import pytest

MOST = 15 << 20  # octets
NOTES = re.compile(r"/etc/(ld\.so\.cache|hosts)|/var/(lib/dpkg|lib/apt|cache/apt|cache/ldconfig)(/.*)?|/var/cache/debconf/.*")


@pytest.fixture(scope="module")
def added(image, podman):
    """{path: lstat} of all files that are new or different from the base, and the new packages."""
    base, ours = (podman.command("image", "mount", name) for name in (image.base, image.name))
    try:
        before, after = _tree(base), _tree(ours)
        packages = _packages(ours) - _packages(base)
        files = subprocess.run(["dpkg-query", f"--admindir={ours}/var/lib/dpkg", "--listfiles", *sorted(packages)],
                               capture_output=True, text=True, check=True).stdout.splitlines()
    finally:
        podman.command("image", "unmount", image.base, image.name)
    return {path: was for path, was in after.items() if _differs(was, before.get(path))}, packages, set(files)


def test_ostiary_adds_few_octets(added):
    files, _, _ = added
    sizes = {path: was.st_size for path, was in files.items() if stat.S_ISREG(was.st_mode)}
    assert 0 < sum(sizes.values()) <= MOST, sizes


def test_ostiary_adds_only_the_program_and_its_libraries(added):
    files, packages, listed = added
    assert packages and all(name.startswith("lib") for name in packages), packages
    of_packages = listed | {path.removeprefix("/usr") for path in listed} | {f"/usr{path}" for path in listed}
    others = {path for path in files if path not in of_packages and not NOTES.fullmatch(path)}
    assert others == {"/usr/local/bin/ostiary", "/usr/local/bin/ostiary-relay", "/etc/ssl/certs/ca-certificates.crt",
                      "/usr/share/ostiary/packages"}


@pytest.mark.parametrize("name", ["ostiary", "ostiary-relay"])
def test_root_owns_the_program_and_only_root_can_write_it(added, name):
    program = added[0][f"/usr/local/bin/{name}"]
    assert (program.st_uid, program.st_gid, stat.S_IMODE(program.st_mode)) == (0, 0, 0o755)


def _tree(root):
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            if not os.path.isdir(path) or os.path.islink(path):
                found[path.removeprefix(root)] = os.lstat(path)
    return found


def _differs(now, before):
    """A file that the build did not touch keeps its time."""
    return before is None or (now.st_mode, now.st_size, now.st_mtime) != (before.st_mode, before.st_size, before.st_mtime)


def _packages(root):
    status = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat", "${Package}\n"],
                            capture_output=True, text=True, check=True).stdout
    return set(status.split())
