"""container/self-hosted with podman: the runner of Claude Code's self-hosted environments behind the gate, against a
stand-in for its control plane."""

import json
import os
import socket

import pytest

from support.claude.claude import AUTHORITY, USER
from support.claude.internet import API
from support.podman.container import containers
from support.podman.outcomes import boot_of, connection_attempts, outcomes_in
from support.podman.platforms import CONTAINER, compose, runner_image
from support.waiting import PATIENCE, eventually

HERE = CONTAINER / "self-hosted"
SECRET = "stand-in-environment-secret"
OPEN = {API, "claude.com", "code.claude.com", "downloads.claude.ai", "github.com"}  # by the policy
METADATA = "169.254.169.254"
RUNNERS_OWN = 80  # seconds that the runner may take to end


@pytest.fixture(scope="module")
def runner(images):
    return runner_image(images)


@pytest.fixture
def options(tmp_path, claude_internet):
    (tmp_path / "secrets").mkdir()
    tmp_path.chmod(0o755)
    secret = tmp_path / "secrets" / "environment-secret"
    secret.write_text(SECRET)
    secret.chmod(0o400)
    os.chown(secret, USER, USER)
    return [*compose(HERE / "compose.yaml", tmp_path),
            "--volume", f"{claude_internet.authority.certificate}:{AUTHORITY}:ro"]


@pytest.fixture
def control_plane(claude_internet):
    claude_internet.start_over()
    return claude_internet.api.control_plane


@pytest.fixture
def link(claude_internet):
    made = claude_internet.attach((4,))
    yield made
    claude_internet.detach(made)


@pytest.fixture
def running(runner, options, link, control_plane, podman):
    """The runner, once it has asked for work."""
    with containers(podman) as start:
        container = start(runner, network=link, capabilities=(), options=options,
                          env={"NODE_EXTRA_CA_CERTS": AUTHORITY})
        eventually(lambda: control_plane.did("poll"), f"the runner asks for work: {container.logs()}", PATIENCE)
        yield container


def healthz(internet, link):
    with internet.network.entered():
        client = socket.socket()
    with client:
        client.settimeout(5)
        client.connect((link.address[4], 8080))
        client.sendall(b"GET /healthz HTTP/1.0\r\nHost: runner\r\n\r\n")
        return json.loads(client.makefile("rb").read().partition(b"\r\n\r\n")[2])


def test_the_runner_registers_and_asks_for_work_through_the_gate_and_is_watched_from_outside(
        running, control_plane, claude_internet, link):
    (_, credential, _), = control_plane.did("register")
    assert credential == f"Bearer {SECRET}"
    assert healthz(claude_internet, link)["status"] == "ok"
    assert boot_of(running.logs())[1] > 20
    assert claude_internet.upstream.names() <= OPEN


def test_a_session_reaches_no_other_host_and_no_metadata_service(running, claude_internet):
    script = connection_attempts(("api", API, 443), ("metadata", METADATA, 80), ("sign-in", "claude.ai", 443),
                                 ("unlisted", "unlisted.example.org", 443))
    done = running.exec("ostiary", "exec", "--", "bash", "-c", script + "id -un; pwd\n")
    assert outcomes_in(done.stdout) == {"api": True, "metadata": False, "sign-in": False, "unlisted": False}, done
    assert done.stdout.splitlines()[-2:] == ["agent", "/workspace"], done
    assert any(event.get("address") == METADATA for event in running.audit("deny", kind="packet"))


def test_one_sigterm_ends_the_runner_in_order_and_within_its_time(running, control_plane):
    running.signal("TERM")
    done = running.wait(RUNNERS_OWN)
    assert done.status == 0, done
    assert done.stdout.count("Received shutdown signal") == 1, done
    (_, _, body), = control_plane.did("deregister")
    assert body == {"reason": "shutdown_signal"}
