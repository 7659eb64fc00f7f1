"""The bundle in an image whose LD_PRELOAD or LD_AUDIT names a library for a newer C library than
the bundle's. Needs no image: the bundle is made for the directory where it is."""

import subprocess

import pytest

from support.project import ROOT

# A C library newer than any existing one, and a library that is linked with it.
FUTURE = {"libc.c": "int of_the_future(void) { return 0; }", "libc.map": "GLIBC_9.99 { of_the_future; };",
          "image.c": "int of_the_future(void); int image(void) { return of_the_future(); }"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    place = tmp_path_factory.mktemp("bundle") / "ostiary"
    done = subprocess.run([ROOT / "scripts" / "bundle", place, place], capture_output=True, text=True)
    assert done.returncode == 0, done
    return place


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    for name, text in FUTURE.items():
        (folder / name).write_text(text)
    build = ("gcc -shared -fPIC -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script=libc.map -o libc.so.6 libc.c && "
             "gcc -shared -fPIC -nostdlib -o image.so image.c ./libc.so.6")
    subprocess.run(build, shell=True, cwd=folder, check=True)
    return folder / "image.so"


def test_other_programs_do_not_start_with_that_library(library):
    """So the other tests are meaningful."""
    done = subprocess.run(["/bin/true"], env={"LD_PRELOAD": str(library)}, capture_output=True, text=True)
    assert done.returncode != 0 and "GLIBC_9.99" in done.stderr, done


@pytest.mark.parametrize("variable", ["LD_PRELOAD", "LD_AUDIT"])
def test_the_bundle_starts_with_that_library(bundle, library, variable):
    done = subprocess.run([bundle / "ostiary", "--version"], env={variable: str(library)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done


def test_the_agent_gets_the_variable_unchanged(bundle):
    """With a compatible library, so that the agent can start."""
    script = "import os; print(os.environ['LD_PRELOAD'])"
    library = subprocess.run("ldconfig -p | sed -n 's/.*libm.so.6.* => //p' | head -n 1", shell=True, capture_output=True,
                             text=True).stdout.strip()
    done = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh",
                           bundle / "ostiary", "run", "--gate", "off", "--no-managed-settings", "--", "/usr/bin/python3", "-c", script],
                          env={"LD_PRELOAD": library, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, library + "\n"), done
