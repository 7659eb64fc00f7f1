"""The images: a base from Debian's packages, and the images that container/Dockerfile makes from
it.

podman caches each step of a build while its input files do not change. So a second run builds
nothing, and a changed source is always rebuilt.
"""

import contextlib
import fcntl
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.podman import machine
from support.podman.podman import BUILD_PATIENCE, STORE
from support.project import ROOT

# As in the registry's image of that name: without manuals and translations, and without fsync.
SLIM = ["--variant=minbase", "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright"]
RECIPE = "ostiary.recipe"
NAMES = {"ostiary": "ostiary", "claude": "ostiary-claude", "bundle": "ostiary-bundle"}  # the names in the documents


@dataclass(frozen=True)
class Image:
    name: str
    base: str


class Images:
    def __init__(self, podman, directory):
        self._podman, self._directory = podman, directory
        self._npmrc = directory / "npmrc"
        self._npmrc.touch(mode=0o600)
        self._npmrc.write_text(machine.npmrc())
        self._built = {}

    def base(self, release):
        """debian:RELEASE-slim, made from Debian's archive without a registry."""
        with _alone(f"base-{release}"):
            return self._base(release)

    def _base(self, release):
        name = f"docker.io/library/debian:{release}-slim"
        options = machine.apt_options()
        recipe = hashlib.sha256("\n".join([release, *SLIM, options]).encode()).hexdigest()
        if self._label(name, RECIPE) == recipe:
            return name
        made = subprocess.Popen(["mmdebstrap", "--quiet", *SLIM, *(f"--aptopt={line}" for line in options.splitlines()),
                                 release, "-"], stdout=subprocess.PIPE)
        self._podman.command("import", "--change", f"LABEL {RECIPE}={recipe}", "-", name, stdin=made.stdout)
        if made.wait() != 0:
            self._podman.command("rmi", name)
            raise AssertionError(f"mmdebstrap {release}: status {made.returncode}")
        return name

    def build(self, target, release="bookworm", arguments=()):
        """Builds a target of container/Dockerfile on that base, with these ARGs: NAME=VALUE."""
        if (target, release, arguments) not in self._built:
            base = self.base(release)
            with _alone(f"build-{release}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:16]}"):
                self._built[target, release, arguments] = self._build(target, release, arguments, base)
        return self._built[target, release, arguments]

    def _build(self, target, release, arguments, base):
        options = [word for argument in (f"DEBIAN={release}-slim", *arguments) for word in ("--build-arg", argument)]
        return Image(self._run_build(
            "--pull=never", "--secret", f"id=npmrc,src={self._npmrc}", "--file", ROOT / "container" / "Dockerfile",
            *options, "--target", target, ROOT), base)

    def derive(self, text, context=None, **images):
        """Builds an image from the text of a Dockerfile. In its FROM and --from, the names of the
        documents stand for these images."""
        with tempfile.TemporaryDirectory(dir=self._directory) as empty:
            (file := Path(empty, "Dockerfile")).write_text(text)
            contexts = [word for target, image in images.items()
                        for word in ("--build-context", f"{NAMES[target]}=container-image://{image.name}")]
            return Image(self._run_build(*contexts, "--file", file, context or empty), None)

    def _run_build(self, *words):
        """Builds, and returns the image by its ID, which no other build can take over."""
        return self._podman.command("build", "--isolation", "chroot", "--network", "host", "--layers", *words,
                                    timeout=BUILD_PATIENCE).splitlines()[-1]

    def _label(self, name, label):
        found = self._podman.attempt("image", "inspect", "--format", f'{{{{index .Labels "{label}"}}}}', name)
        return found.stdout.decode().strip() if found.returncode == 0 else None


@contextlib.contextmanager
def _alone(what):
    """Only one test process at a time makes the same image. Another one then finds the cached
    steps."""
    with open(STORE / f"{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
