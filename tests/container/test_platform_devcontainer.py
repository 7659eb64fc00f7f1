"""The dev container Feature, packed as its page says, installed in a plain Debian, and started as
the dev container tools do."""

import json
import os
import re
import shutil
import subprocess

import pytest

from support.podman.outcomes import outcomes_in, connection_attempts
from support.podman.platforms import CONTAINER
from support.behaviours import addresses
from support.internet import ALLOWED, UNLISTED
from support.waiting import eventually

HERE = CONTAINER / "devcontainer"
FEATURE = json.loads((HERE / "ostiary" / "devcontainer-feature.json").read_text())
# As @devcontainers/cli generates it from the Features' entrypoints.
ENTRYPOINT = f"""echo Container started
trap "exit 0" 15
{FEATURE["entrypoint"]}
exec "$@"
while sleep 1 & wait $!; do :; done"""
DOCKERFILE = """FROM docker.io/library/debian:bookworm-slim
RUN useradd --create-home vscode && mkdir -p /work /etc/sudoers.d && echo 'vscode ALL=(root) NOPASSWD:ALL' >/etc/sudoers.d/vscode
COPY ostiary /tmp/feature
RUN _REMOTE_USER=vscode {options} /tmp/feature/install.sh
USER vscode
"""
ATTEMPTS = connection_attempts(("api", "api.anthropic.com", 443), ("another-port", "api.anthropic.com", 80),
                               ("unlisted-name", "unlisted.example.org", 443), ("unlisted-address", UNLISTED[4], 443))
HELD = {"api": True, "another-port": False, "unlisted-name": False, "unlisted-address": False}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devcontainer")
    done = subprocess.run([HERE / "pack", folder], capture_output=True, text=True)
    assert done.returncode == 0, done
    return folder


@pytest.fixture(scope="module")
def feature(packed, images):
    images.base("bookworm")
    options = " ".join(f"{name.upper()}={json.dumps(each['default'])}" for name, each in FEATURE["options"].items())
    return images.derive(DOCKERFILE.format(options=options), packed)


@pytest.fixture
def start(feature, new_container, internet, link):
    internet.upstream.name("api.anthropic.com", addresses(ALLOWED[4]))

    def start(user="root", capabilities=FEATURE["capAdd"]):
        return new_container(feature, "-c", ENTRYPOINT, "-", network=link, capabilities=capabilities,
                             options=["--user", user, "--entrypoint", "/bin/sh", "--env", "DEVCONTAINER=true"])
    return start


def attach(container, user, *command):
    """Runs a command as an editor does."""
    return container.exec(*command, options=["--user", user])


def wait_until_up(container, user="root"):
    """Waits as the Feature's own commands do, after the container has started."""
    eventually(lambda: attach(container, user, "/opt/ostiary/await").status == 0, f"it is up: {container.logs()}")


@pytest.mark.parametrize("user", ["vscode", "root"])
def test_what_an_editor_starts_is_behind_the_gate(start, internet, user):
    container = start()
    wait_until_up(container, user)
    done = attach(container, user, "bash", "-c", ATTEMPTS)
    assert outcomes_in(done.stdout) == HELD, done
    assert "unlisted.example.org" not in internet.upstream.names()


def test_a_further_session_of_the_user_is_confined(start):
    container = start()
    wait_until_up(container)
    done = attach(container, "root", "ostiary", "exec", "--", "bash", "-c", ATTEMPTS + "id -un; pwd; grep NoNewPrivs /proc/self/status")
    assert outcomes_in(done.stdout) == HELD, done
    assert done.stdout.splitlines()[-3:] == ["claude", "/work", "NoNewPrivs:\t1"], done


def test_the_agent_does_not_reach_the_editors_sockets(start):
    container = start()  # Perl is in every Debian
    wait_until_up(container)
    listen = ('use Socket; umask 022; for my $p ("/tmp/vscode-ipc.sock", "/home/vscode/ssh-auth.sock") {'
              'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($p)) or die $!; listen($s, 5); push @s, $s }'
              'open(my $r, ">", "/tmp/ready"); close($r); sleep 600')
    reach = ('use Socket; for my $p ("/tmp/vscode-ipc.sock", "/home/vscode/ssh-auth.sock") {'
             'socket(my $s, PF_UNIX, SOCK_STREAM, 0); print connect($s, pack_sockaddr_un($p)) ? "reached\n" : "$!\n" }')
    attach(container, "vscode", "sh", "-c", f"perl -e '{listen}' >/dev/null 2>&1 &")
    eventually(lambda: attach(container, "root", "test", "-e", "/tmp/ready").status == 0, "they listen")
    assert attach(container, "vscode", "perl", "-e", reach).stdout == "reached\n" * 2
    assert attach(container, "root", "ostiary", "exec", "--", "perl", "-e", reach).stdout == "Permission denied\n" * 2


def test_agent_and_remote_user_share_the_workspace(feature, new_container, link, tmp_path):
    """A workspace from outside, with files of the remote user, and a symlink that must not be
    followed."""
    workspace = tmp_path / "workspace"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src" / "old").write_text("old")
    (workspace / "etc").symlink_to("/etc")
    for path in (workspace, workspace / "src", workspace / "src" / "old"):
        os.chown(path, 1000, 1000)
    container = new_container(feature, "-c", ENTRYPOINT, "-", network=link, capabilities=FEATURE["capAdd"],
                              options=["--volume", f"{workspace}:/work", "--user", "root", "--entrypoint", "/bin/sh"])
    wait_until_up(container)
    agent = ["ostiary", "exec", "--", "sh", "-c"]
    done = attach(container, "root", *agent, "echo more >>src/old; mkdir made; echo mine >made/file; echo x >>etc/hostname; cat src/old made/file")
    assert done.stdout == "oldmore\nmine\n" and "Permission denied" in done.stderr, done
    done = attach(container, "vscode", "sh", "-c", "cd /work; echo yours >>made/file; echo new >src/new; cat made/file")
    assert done.stdout == "mine\nyours\n", done
    assert attach(container, "root", *agent, "echo mine >>src/new; cat src/new").stdout == "new\nmine\n"


def test_no_shell_and_no_agent_has_the_telemetry_credentials(feature, new_container, link, tmp_path):
    secret = tmp_path / "GRAFANA_API_TOKEN"
    secret.write_text("glc_hunter2")
    secret.chmod(0o600)
    os.chown(secret, 1000, 1000)
    tmp_path.chmod(0o755)
    container = new_container(feature, "-c", ENTRYPOINT, "-", network=link, capabilities=FEATURE["capAdd"],
                              options=["--volume", f"{tmp_path}:/run/secrets:ro", "--user", "root", "--entrypoint", "/bin/sh", "--env", "GRAFANA_INSTANCE_ID=1",
                                       "--env", "GRAFANA_OTLP_ENDPOINT=https://collector.example/otlp"])
    wait_until_up(container)
    for user in ("vscode", "root"):
        assert "hunter2" not in attach(container, user, "env").stdout
    assert attach(container, "root", "ostiary", "exec", "--", "cat", "/run/secrets/GRAFANA_API_TOKEN").status != 0
    agent = attach(container, "root", "ostiary", "exec", "--", "env").stdout
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:15354\n" in agent and "Basic" not in agent


def test_the_gate_is_up_again_after_a_restart(start):
    container = start()
    wait_until_up(container)
    container.restart()
    wait_until_up(container)
    assert outcomes_in(attach(container, "vscode", "bash", "-c", ATTEMPTS).stdout) == HELD


def test_the_status_of_an_earlier_start_is_ignored(feature, new_container, link):
    status = "/run/ostiary/status.json"
    container = new_container(feature, "-c", f"mkdir -p /run/ostiary; touch {status}; exec sleep 1000", network=link,
                              options=["--user", "root", "--entrypoint", "/bin/sh"])
    eventually(lambda: attach(container, "root", "test", "-e", status).status == 0, "the file is there")
    assert attach(container, "root", "timeout", "1", "/opt/ostiary/await").status == 124


def test_the_rules_stay_when_the_agent_ends(start):
    container = start()
    wait_until_up(container)
    attach(container, "claude", "bash", "-c", "kill $(grep -l '^sleep' /proc/[0-9]*/comm | cut -d / -f 3)")
    eventually(lambda: attach(container, "root", "bash", "-c", "grep -qx ostiary /proc/[0-9]*/comm").status != 0, "it has ended")
    done = attach(container, "vscode", "bash", "-c", ATTEMPTS)
    assert not any(outcomes_in(done.stdout)[name] for name in HELD if name != "api"), done


@pytest.mark.parametrize("how, cure", [({"capabilities": ()}, "--cap-add=NET_ADMIN"), ({"user": "vscode"}, "containerUser")],
                         ids=["without the capability", "as another user"])
def test_without_a_gate_the_container_ends(start, how, cure):
    done = start(**how).wait()
    assert cure in done.stderr, done


def test_the_user_can_use_sudo_only_for_confined_commands(start):
    container = start()
    wait_until_up(container)
    assert container.exec("ls", "/etc/sudoers.d", options=["--user", "root"]).stdout == "ostiary\n"
    assert container.exec("cat", "/etc/sudoers.d/ostiary", options=["--user", "root"]).stdout == (
        "vscode ALL=(root) NOPASSWD: /usr/local/bin/ostiary exec *\n")


ALL = "vscode ALL=(ALL) ALL"
# Each is a way to root without a password. The last ones are in /etc/sudoers only, with and without
# a directory beside it.
WAYS = {"all": ("vscode ALL=(ALL) NOPASSWD: ALL", "/etc/sudoers.d/image"),
        "one program": ("vscode ALL=(root) NOPASSWD: /usr/local/bin/setup", "/etc/sudoers.d/image"),
        "not asked, this user": (f"Defaults:vscode !authenticate\\n{ALL}", "/etc/sudoers.d/image"),
        "not asked, anyone": (f"Defaults !authenticate\\n{ALL}", "/etc/sudoers.d/image"),
        "a group that is exempt": (f"Defaults exempt_group=vscode\\n{ALL}", "/etc/sudoers.d/image"),
        "only at a terminal": ("Defaults requiretty\\nvscode ALL=(ALL) NOPASSWD: ALL", "/etc/sudoers.d/image"),
        "no directory": ("vscode ALL=(ALL) NOPASSWD: ALL", "/etc/sudoers; rm -r /etc/sudoers.d; sed -i /includedir/d /etc/sudoers")}


@pytest.fixture(scope="module")
def with_sudo(images):
    images.base("bookworm")
    return images.derive("FROM docker.io/library/debian:bookworm-slim\nRUN apt-get update && apt-get install --yes sudo acl && "
                         "useradd --create-home vscode && mkdir -p /work\n")


@pytest.mark.parametrize("how", WAYS)
def test_another_way_to_root_ends_the_installation(packed, images, with_sudo, how):
    grant, file = WAYS[how]
    text = (f"FROM {with_sudo.name}\nRUN printf '{grant}\\n' >>{file}\nCOPY ostiary /tmp/feature\n"
            "RUN _REMOTE_USER=vscode {options} /tmp/feature/install.sh\n")
    with pytest.raises(AssertionError, match="another way to root"):
        images.derive(text.format(options=""), packed)


def test_with_the_option_another_way_to_root_is_kept(packed, images, with_sudo):
    images.derive(f"FROM {with_sudo.name}\nRUN echo 'vscode ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/image\nCOPY ostiary /tmp/feature\n"
                  "RUN _REMOTE_USER=vscode SUDO=true /tmp/feature/install.sh\n", packed)


# With "late", su asks after a delay: an end of input before the question is lost, and the question
# would wait.
ASKING = {"at once": "true", "late": "sed -i '/pam_rootok/a auth optional pam_exec.so /bin/sleep 2' /etc/pam.d/su"}


@pytest.mark.parametrize("when", ASKING)
def test_sudo_and_su_with_a_password_do_not_end_the_installation(packed, images, with_sudo, when):
    images.derive(f"FROM {with_sudo.name}\nRUN {ASKING[when]} && echo '{ALL}' >/etc/sudoers.d/image\nCOPY ostiary /tmp/feature\n"
                  "RUN _REMOTE_USER=vscode /tmp/feature/install.sh\n", packed)


def test_a_policy_with_an_error_ends_the_installation(packed, feature, images, tmp_path):
    shutil.copytree(packed / "ostiary", tmp_path / "ostiary")
    (tmp_path / "ostiary" / "policy.json").write_text('{ "alow": [] }')
    with pytest.raises(AssertionError, match="alow"):
        images.derive(DOCKERFILE.format(options=""), tmp_path)


def test_the_example_uses_the_feature_that_is_packed(packed):
    text = re.sub(r"^\s*//.*$", "", (packed / "devcontainer.json").read_text(), flags=re.M)
    example = json.loads(text)
    (name, options), = example["features"].items()
    assert (packed / name / "devcontainer-feature.json").exists() and set(options) <= set(FEATURE["options"])
    assert options["workdir"] == example["workspaceFolder"] and example["containerUser"] == "root"
    assert not [each for each in example["containerEnv"] if each.endswith(("_TOKEN", "_KEY"))]
    assert any("target=/run/secrets," in mount for mount in example["mounts"])
