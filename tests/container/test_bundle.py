"""The bundle in images without its libraries: a plain Debian, and an image with musl."""

import re
from pathlib import Path

import pytest

from support.podman import musl
from support.podman.outcomes import boot_of, outcomes_in, connection_attempts
from support.behaviours import addresses
from support.internet import ALLOWED, UNLISTED
from support.processes import children
from support.project import ROOT

NAME = "api.example.com"
HERE = "/opt/ostiary"
ATTEMPTS = (("allowed", NAME, 443), ("another-port", NAME, 444), ("unlisted-name", "unlisted.example.org", 443),
            ("unlisted-address", UNLISTED[4], 443))
OUTCOMES = {"allowed": True, "another-port": False, "unlisted-name": False, "unlisted-address": False}
# Settings in an image about its programs' libraries. They are right for a Debian, but not for the
# bundle.
HOSTILE = """
RUN useradd agent && echo /lib/$(uname -m)-linux-gnu/libz.so.1 >/etc/ld.so.preload && \\
    printf 'passwd: compat files\\ngroup: compat files\\ninitgroups: compat\\n' >/etc/nsswitch.conf
"""


@pytest.fixture(scope="module")
def debian(images):
    """As in docs/container.md."""
    block, = re.findall(r"^```dockerfile\n(.*?)^```$", (ROOT / "docs" / "container.md").read_text(), re.M | re.S)
    return images.derive(block, bundle=images.build("bundle"))


@pytest.fixture(scope="module")
def in_musl(images, scratch):
    musl.make_root(scratch / "musl" / "root")
    return images.derive(f"FROM scratch\nCOPY root /\nCOPY --from=ostiary-bundle {HERE} {HERE}\n"
                         f'ENTRYPOINT ["{HERE}/ostiary"]\n', scratch / "musl", bundle=images.build("bundle"))


@pytest.fixture
def name(internet):
    internet.upstream.name(NAME, addresses(ALLOWED[4]))


def agent(where, stay="go"):
    """The command of an agent that tries to get out of an image, prints `ready`, and may stay."""
    if where == "in_musl":
        return ["/bin/visit", stay, *(str(word) for attempt in ATTEMPTS for word in attempt)]
    return ["bash", "-c", connection_attempts(*ATTEMPTS) + "echo ready\n" + ("exec sleep 600" if stay == "stay" else "")]


@pytest.fixture(params=["debian", "in_musl"])
def where(request):
    return request.param


@pytest.fixture
def root(where, request):
    return request.getfixturevalue(where)


def test_the_bundle_is_complete(images, podman):
    bundle = images.build("bundle")
    mounted = podman.command("image", "mount", bundle.name)
    try:
        assert {path.name for path in (Path(mounted) / HERE.lstrip("/")).iterdir()} == {"ostiary", "ostiary-relay", "ca-certificates.crt", "lib", "licences"}
        assert [path.name for path in Path(mounted).iterdir()] == ["opt"]
    finally:
        podman.command("image", "unmount", bundle.name)


def test_the_gate_works_in_an_image_without_the_libraries(root, where, new_container, internet, link, name):
    container = new_container(root, "run", "--no-derive", "--user", "1000:1000", "--allow", NAME, "--", *agent(where),
                              network=link)
    done = container.wait()
    assert done.status == 0, done
    assert boot_of(done)[1] > 20, done
    assert outcomes_in(done.stdout) == OUTCOMES, done
    assert internet.stray_packets((ALLOWED[4], 443)) == []


def test_a_session_is_behind_the_gate_too(root, where, new_container, internet, link, name):
    container = new_container(root, "run", "--no-derive", "--user", "1000:1000", "--allow", NAME, "--",
                              *agent(where, "stay"), network=link)
    container.wait_for_line("ready")
    joined = container.exec(f"{HERE}/ostiary", "exec", "--", *agent(where))
    assert outcomes_in(joined.stdout) == OUTCOMES, joined
    assert internet.stray_packets((ALLOWED[4], 443)) == []


def test_no_library_of_the_image_is_loaded(images, debian, new_container, link, name):
    hostile = images.derive(f"FROM {debian.name}{HOSTILE}")
    container = new_container(hostile, "run", "--no-derive", "--user", "agent", "--allow", NAME, "--",
                              *agent("debian", "stay"), network=link, env={"LD_LIBRARY_PATH": "/lib:/usr/lib"})
    container.wait_for_line("ready")
    keeper = container.pid()
    mapped = {pid: set(re.findall(r"(/\S+)$", open(f"/proc/{pid}/maps").read(), re.M)) for pid in
              [keeper, *children(keeper)]}
    own = {pid for pid, files in mapped.items() if f"{HERE}/ostiary" in files}
    assert keeper in own and len(own) == 2, mapped  # the other is the gate's
    files = set().union(*(mapped[pid] for pid in own))
    assert {file for file in files if not file.startswith(f"{HERE}/")} <= {"/memfd:ostiary-gate-setup"}, files
    assert f"{HERE}/lib/libc.so.6" in files
