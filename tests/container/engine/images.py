"""The images: a base made of Debian's packages, and what container/Dockerfile makes of it.

podman keeps every step of a build and takes it again only while the files that went into it are the same, so a second run
builds nothing, and a changed source is never missed.
"""

import contextlib
import fcntl
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine import machine
from engine.podman import BUILD_PATIENCE, STORE
from support.project import ROOT

# As the image of that name is that registries have: no manuals, no translations, no waiting for the disk.
SLIM = ["--variant=minbase", "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright"]
RECIPE = "ostiary.recipe"
NAMES = {"ostiary": "ostiary", "claude": "ostiary-claude", "bundle": "ostiary-bundle"}  # as the documents have them


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
        """debian:RELEASE-slim. No registry is asked: it is made from Debian's archive."""
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

    def build(self, target, release="bookworm"):
        """A target of container/Dockerfile on that base."""
        if (target, release) not in self._built:
            base = self.base(release)
            with _alone(f"build-{release}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:16]}"):
                self._built[target, release] = self._build(target, release, base)
        return self._built[target, release]

    def _build(self, target, release, base):
        return Image(self._run_build(
            "--pull=never", "--secret", f"id=npmrc,src={self._npmrc}", "--file", ROOT / "container" / "Dockerfile",
            "--build-arg", f"DEBIAN={release}-slim", "--target", target, ROOT), base)

    def derive(self, text, context=None, **images):
        """An image of a Dockerfile's text, in whose FROM and --from these images are those of the documents' names."""
        with tempfile.TemporaryDirectory(dir=self._directory) as empty:
            (file := Path(empty, "Dockerfile")).write_text(text)
            contexts = [word for target, image in images.items()
                        for word in ("--build-context", f"{NAMES[target]}=container-image://{image.name}")]
            return Image(self._run_build(*contexts, "--file", file, context or empty), None)

    def _run_build(self, *words):
        """By its id, which no other build can take over."""
        return self._podman.command("build", "--isolation", "chroot", "--network", "host", "--layers", *words,
                                    timeout=BUILD_PATIENCE).splitlines()[-1]

    def _label(self, name, label):
        found = self._podman.attempt("image", "inspect", "--format", f'{{{{index .Labels "{label}"}}}}', name)
        return found.stdout.decode().strip() if found.returncode == 0 else None


@contextlib.contextmanager
def _alone(what):
    """One test process at a time, of those that make the same: who comes second finds the steps that the first has made."""
    with open(STORE / f"{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
