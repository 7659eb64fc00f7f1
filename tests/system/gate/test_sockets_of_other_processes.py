"""If the agent can connect to a Unix socket of another process, the boot ends, unless a flag
allows that socket by name."""

import contextlib
import json
import os
import shlex
import signal
import socket

import pytest

from support.capabilities import without_capability
from support.landlock import has_domains, without_landlock
from support.namespaces import call, mount_memory, only_processes_in_proc
from support.rootfs import AGENT

DOCKER = "/run/docker.sock"
TYPES = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "datagram": socket.SOCK_DGRAM}


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture(params=["container", "user"])
def scope(request):
    return request.param


@contextlib.contextmanager
def service_outside(container, path, mode=0o666, owner=0, kind=socket.SOCK_STREAM):
    """Listens in another network namespace, as a container engine does whose socket is mounted
    into the container."""
    container.mkdir(os.path.dirname(path)) if not container.exists(os.path.dirname(path)) else None
    directory = os.open(container.at(os.path.dirname(path)), os.O_PATH)
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        os.close(directory)
        container.at(path).chmod(mode)
        os.chown(container.at(path), owner, owner)
        if kind != socket.SOCK_DGRAM:
            listener.listen(16)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            container.at(path).unlink()


def service_inside(name, kind=socket.SOCK_STREAM):
    """For prepare=: a socket in the container's own network that stays open across exec."""
    def listen():
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(name)
        if not name.startswith("\0"):
            os.chmod(name, 0o666)
        if kind != socket.SOCK_DGRAM:
            listener.listen(16)
        os.set_inheritable(listener.detach(), True)
    return listen


def without_landlock_and(prepare):
    return lambda: (without_landlock(), prepare())


def boot(container, scope, *flags, user="agent", **how):
    return container.boot("true", flags=["--user", user, "--scope", scope, *flags], **how)


def assert_boot_ends(result, *names):
    assert result.status == 69, result
    line = result.stderr.strip().splitlines()[-1]
    assert all(name in line and f"--allow-socket {shlex.quote(name)}" in line for name in names), line


@pytest.mark.parametrize("path", [DOCKER, "/run/podman/podman.sock", "/run/containerd/containerd.sock",
                                  "/run/dbus/system_bus_socket", "/run/user/1000/bus", "/run/nscd/socket",
                                  "/run/systemd/resolve/io.systemd.Resolve", "/tmp/vscode-ipc-0-1.sock",
                                  "/home/agent/.gnupg/S.gpg-agent", "/tmp/ssh-1/agent.1"])
def test_a_service_of_another_network_ends_the_boot(container, scope, path):
    with service_outside(container, path):
        assert_boot_ends(boot(container, scope), path)


@pytest.mark.parametrize("kind", TYPES)
def test_a_service_of_any_socket_type_ends_the_boot(container, scope, kind):
    with service_outside(container, "/run/service", kind=TYPES[kind]):
        assert_boot_ends(boot(container, scope), "/run/service")


@pytest.mark.parametrize("kind", TYPES)
def test_a_path_too_long_for_a_socket_address_ends_the_boot(container, scope, kind):
    path = f"/run/{'a' * 110}/service"
    with service_outside(container, path, kind=TYPES[kind]):
        assert_boot_ends(boot(container, scope), path)
        assert boot(container, scope, "--allow-socket", path).status == 0


def test_a_long_path_without_write_permission_does_not_end_the_boot(container, scope):
    with service_outside(container, f"/run/{'a' * 110}/service", mode=0o660):
        assert boot(container, scope).status == 0


def test_the_audit_lists_the_attempt_that_got_out_and_those_that_were_held(container, scope):
    with service_outside(container, DOCKER):
        assert_boot_ends(boot(container, scope), DOCKER)
    outcomes = {event["probe"]: event["outcome"] for event in container.audit("probe")}
    assert outcomes.pop("a request to another process's Unix socket") == "got_out"
    assert "held" in outcomes.values() and "got_out" not in outcomes.values()


@pytest.mark.parametrize("name", ["\0abstract", "/opt/hidden.sock", "\0a b"])
def test_a_service_of_this_network_ends_the_boot(container, scope, name):
    result = boot(container, scope, prepare=without_landlock_and(service_inside(name)))
    assert_boot_ends(result, name.replace("\0", "@"))


def test_an_abstract_datagram_socket_ends_the_boot(container, scope):
    serve = service_inside("\0log", socket.SOCK_DGRAM)
    assert_boot_ends(boot(container, scope, prepare=without_landlock_and(serve)), "@log")


@pytest.mark.skipif(not has_domains(), reason="the kernel has no Landlock domains with scopes (Linux 6.12)")
@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_in_a_domain_the_agent_cannot_connect_to_an_abstract_socket(container, scope, kind):
    result = boot(container, scope, prepare=service_inside("\0abstract", kind))
    assert result.status == 0, result
    detail = {event["probe"]: event for event in container.audit("probe")}["a request to another process's Unix socket"]["detail"]
    assert detail == "none of 1 lets the agent in"


def test_every_socket_is_named(container, scope):
    with service_outside(container, DOCKER), service_outside(container, "/run/dbus/system_bus_socket"):
        assert_boot_ends(boot(container, scope), DOCKER, "/run/dbus/system_bus_socket")


def test_a_socket_without_write_permission_does_not_end_the_boot(container, scope):
    with service_outside(container, DOCKER, mode=0o660):
        assert boot(container, scope).status == 0


def test_a_root_agent_can_write_to_every_socket(container):
    with service_outside(container, DOCKER, mode=0o600):
        assert_boot_ends(boot(container, "container", user="root"), DOCKER)


def test_a_socket_in_a_directory_that_only_the_agent_can_read_is_found(container, scope):
    container.mkdir("/home/agent/secret", mode=0o700, owner=AGENT)
    with service_outside(container, "/home/agent/secret/s", mode=0o600, owner=AGENT):
        assert_boot_ends(boot(container, scope), "/home/agent/secret/s")


def test_a_socket_without_a_listener_does_not_end_the_boot(container, scope):
    with service_outside(container, "/run/s"):
        pass
    directory = os.open(container.at("/run"), os.O_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
        gone.bind(f"/proc/self/fd/{directory}/s")
    os.close(directory)
    assert boot(container, scope).status == 0


@pytest.mark.parametrize("waiver", [DOCKER, "/run/dock*"])
def test_an_allowed_socket_does_not_end_the_boot_and_is_listed_everywhere(container, scope, waiver):
    with service_outside(container, DOCKER):
        result = boot(container, scope, "--allow-socket", waiver)
        assert result.status == 0, result
        assert f"warning: the agent may connect to {waiver}" in result.stderr
        plan = container.plan("--allow-socket", waiver, "--user", "agent")
        assert any(waiver in warning for warning in plan["warnings"])
        probes = {event["probe"]: event for event in container.audit("probe")}
        assert "--allow-socket" in probes["a request to another process's Unix socket"]["detail"]
        agent = container.start_agent("--allow-socket", waiver, "--scope", scope)
        status = container.beside(agent.session, "/opt/bin/ostiary", "status")
        assert json.loads(status.stdout)["allowed_sockets"] == [waiver]


def test_allowing_one_socket_allows_no_other(container, scope):
    with service_outside(container, DOCKER), service_outside(container, "/run/docker.sock.1"):
        assert_boot_ends(boot(container, scope, "--allow-socket", DOCKER), "/run/docker.sock.1")


def test_the_policy_file_and_the_variable_allow_sockets_too(container, scope):
    with service_outside(container, DOCKER), service_outside(container, "/run/other.sock"):
        container.policy({"allow_socket": f"{DOCKER},/run/other.sock"})
        assert boot(container, scope).status == 0
        container.policy({})
        assert boot(container, scope, env={"OSTIARY_ALLOW_SOCKET": f"/run/other.sock,{DOCKER}"}).status == 0
        assert_boot_ends(boot(container, scope), DOCKER)


def test_a_path_may_be_given_with_its_symlinks(container, scope):
    container.mkdir("/var")
    container.symlink("/var/run", "/run")
    with service_outside(container, DOCKER):
        assert_boot_ends(boot(container, scope), DOCKER)
        assert boot(container, scope, "--allow-socket", "/var/run/docker.sock").status == 0


LEFT = "/home/agent/ide"  # a link that the agent may have left there


@pytest.mark.parametrize("flag", [f"{LEFT}/*", f"{LEFT}/docker.sock"])
@pytest.mark.parametrize("owner", [AGENT, 0])
def test_a_link_that_the_agent_could_have_left_allows_no_other_socket(container, scope, flag, owner):
    container.symlink(LEFT, "/run", owner=owner)
    with service_outside(container, DOCKER):
        result = boot(container, scope, "--allow-socket", flag)
    assert_boot_ends(result, DOCKER)
    (line,) = [line for line in result.stderr.splitlines() if f"the link {LEFT}, " in line]
    assert "warning" in line and flag in line, result


def test_nor_does_one_behind_a_link_of_roots(container, scope):
    container.symlink(LEFT, "/run", owner=AGENT)
    container.symlink("/opt/ide", LEFT)
    with service_outside(container, DOCKER):
        assert_boot_ends(boot(container, scope, "--allow-socket", "/opt/ide/*"), DOCKER)


@pytest.mark.parametrize("mode", [0o1777, 0o775])
def test_nor_does_a_link_of_roots_where_others_may_write(container, scope, mode):
    container.mkdir("/opt/shared", mode=mode)
    container.symlink("/opt/shared/run", "/run")
    with service_outside(container, DOCKER):
        assert_boot_ends(boot(container, scope, "--allow-socket", "/opt/shared/run/*"), DOCKER)


def test_a_socket_below_the_agents_home_may_be_given(container, scope):
    with service_outside(container, f"{LEFT}/docker.sock"):
        result = boot(container, scope, "--allow-socket", f"{LEFT}/*")
    assert result.status == 0 and " link " not in result.stderr, result


@pytest.mark.parametrize("wrong", ["docker.sock", "/run/*/bus", "/*", "@"])
def test_an_invalid_socket_name_is_refused_in_one_line(container, wrong):
    result = boot(container, "container", "--allow-socket", wrong)
    assert result.status == 78 and "--allow-socket" in result.stderr and len(result.stderr.splitlines()) == 1, result


def test_an_allowed_service_gets_no_connection(container, scope):
    """A connection would start a service that waits for one."""
    with service_outside(container, DOCKER) as listener:
        assert boot(container, scope, "--allow-socket", DOCKER).status == 0
        with pytest.raises(BlockingIOError):
            listener.accept()
    detail = {event["probe"]: event for event in container.audit("probe")}["a request to another process's Unix socket"]["detail"]
    assert detail.endswith("; 1 that --allow-socket names not tried"), detail


def test_a_service_gets_one_connection_that_closes_at_once(container):
    with service_outside(container, DOCKER) as listener:
        assert_boot_ends(boot(container, "container"), DOCKER)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(1)
            assert connection.recv(1) == b""
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_sockets_are_found_if_proc_shows_only_processes(container, scope, kind):
    def serve():
        only_processes_in_proc()
        service_inside("\0a service", kind)()
    result = boot(container, scope, "--allow-socket", "@another", prepare=serve, pid_1=False)
    assert result.status == 69 and "the agent can connect to @a service" in result.stderr, result


# A socket whose file is not at the name by which the kernel lists it -----------------------------------------

PLACE = "/srv/app/control.sock"
PR_SET_DUMPABLE = 4


def bind_relative():
    os.chdir("/srv/app")
    return bound("control.sock")


def bind_and_rename():
    service = bound("/srv/app/.temporary")
    os.rename("/srv/app/.temporary", PLACE)
    return service


def bind_and_link():
    service = bound("/srv/app/.secret")
    os.link("/srv/app/.secret", PLACE)
    os.unlink("/srv/app/.secret")
    return service


def bind_through_a_descriptor():
    return bound(f"/proc/self/fd/{os.open('/srv/app', os.O_RDONLY)}/control.sock")


def bind_in_another_root():
    os.chroot("/srv")
    return bound("/app/control.sock")


def bound(name):
    service = socket.socket(socket.AF_UNIX)
    service.bind(name)
    service.listen(16)
    return service


def beside_the_boot(serve, place=PLACE, user=0):
    """For prepare=: a process that serves as `serve` does, and waits for the boot's end."""
    def start():
        ready, report = os.pipe()
        if os.fork() == 0:
            if user:
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # as if it had been executed as this user
            service = serve()
            os.fchmod(service.fileno(), 0o666)
            if os.path.exists(place):
                os.chmod(place, 0o666)
            os.write(report, b".")
            for descriptor in (0, 1, 2, ready, report):
                os.close(descriptor)
            while True:
                signal.pause()
        os.close(report)
        assert os.read(ready, 1) == b"."
        os.close(ready)
    return start


@pytest.mark.parametrize("serve", [bind_relative, bind_and_rename, bind_and_link, bind_through_a_descriptor,
                                   bind_in_another_root])
@pytest.mark.parametrize("user", [0, 33])
def test_a_socket_that_the_kernel_lists_under_another_name_ends_the_boot(container, scope, serve, user):
    if user and serve is bind_in_another_root:
        pytest.skip("only root can change its root directory")
    container.mkdir("/srv/app", mode=0o755, owner=user)
    place = "/app/control.sock" if serve is bind_in_another_root else PLACE
    result = boot(container, scope, prepare=beside_the_boot(serve, place, user))
    assert_boot_ends(result, PLACE)
    container.at(PLACE).unlink()
    result = boot(container, scope, "--allow-socket", PLACE, prepare=beside_the_boot(serve, place, user))
    assert result.status == 0, result


def test_such_a_socket_is_found_without_the_capability_to_trace(container, scope):
    """As in a container of Docker: the keeper may not read the descriptors of other users' processes."""
    def prepare():
        beside_the_boot(bind_relative, user=33)()
        without_capability("SYS_PTRACE")()
        without_capability("DAC_OVERRIDE")()
        without_capability("DAC_READ_SEARCH")()
    container.mkdir("/srv/app", owner=33)
    assert_boot_ends(boot(container, scope, prepare=prepare), PLACE)


def mount_overlay(layers, place):
    """For prepare=: on an overlay of two file systems, stat() reports another device than the
    kernel's list."""
    try:
        mount_memory(f"{layers}/lower")
        call("mount", "overlay", place.encode(), "overlay", 0,
             f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work,xino=off".encode())
    except OSError as refused:
        os.write(2, f"no overlay: {refused}\n".encode())
        os._exit(42)


@pytest.mark.parametrize("serve", [lambda: bound(PLACE), bind_relative, bind_and_rename],
                         ids=["absolute", "relative", "renamed"])
def test_such_a_socket_is_found_on_an_overlay(container, scope, serve):
    for place in ("/lower", "/upper/1/2/app", "/work"):
        container.mkdir(f"/layers{place}")
    container.mkdir("/overlay")
    container.symlink("/srv", "/overlay/1/2")  # deeper than mounts are searched

    def prepare():
        mount_overlay("/layers", "/overlay")
        beside_the_boot(serve)()
    result = boot(container, scope, prepare=prepare)
    if result.status == 42:
        pytest.skip(result.stderr)
    assert_boot_ends(result, "/overlay/1/2/app/control.sock")


def test_a_file_with_the_same_number_on_another_overlay_hides_no_socket(container, scope):
    """/srv leads to the service's overlay first, and then to another, whose files have the same numbers."""
    for number in (1, 2):
        container.mkdir(f"/layers/{number}")
        container.mkdir(f"/overlay/{number}")
    container.symlink("/srv", "/overlay/1/a/b")

    def prepare():
        for number in (1, 2):
            mount_memory(f"/layers/{number}")
            for place in ("lower", "upper", "work", "upper/a", "upper/a/b", "upper/a/b/app"):
                os.mkdir(f"/layers/{number}/{place}")
            mount_overlay(f"/layers/{number}", f"/overlay/{number}")
        beside_the_boot(serve)()

    def serve():
        service = bound(PLACE)
        numbers = {os.stat(PLACE).st_ino}
        os.rename("/srv", "/before")
        os.symlink("/overlay/2/a/b", "/srv")
        bound(PLACE).close()
        numbers.add(os.stat(PLACE).st_ino)
        assert len(numbers) == 1, numbers
        return service
    result = boot(container, scope, prepare=prepare)
    if result.status == 42:
        pytest.skip(result.stderr)
    assert f"could not be found, so the self-test did not try them: {PLACE}" in result.stderr, result


@pytest.mark.parametrize("name", ["/srv/app/control.sock", "control.sock"])
def test_a_listed_socket_that_cannot_be_found_is_a_warning(container, scope, name):
    def serve():
        os.chdir("/srv/app")
        service = bound(name)
        os.unlink(name)
        return service
    container.mkdir("/srv/app")
    result = boot(container, scope, prepare=beside_the_boot(serve))
    assert result.status == 0, result
    warnings = [line for line in result.stderr.splitlines() if "could not be found" in line]
    assert len(warnings) == 1 and "warning: " in warnings[0] and f": {name}. " in warnings[0], result
    probes = {event["probe"]: event for event in container.audit("probe")}
    assert f"{name} could not be found" in probes["a request to another process's Unix socket"]["detail"]


# What an agent leaves behind -----------------------------------------------------------------------------------

def test_files_that_an_agent_left_do_not_hide_a_socket_from_the_next_boot(container, scope):
    agent = container.start_agent("--scope", scope)
    agent.python("for i in range(4100): open(f'/tmp/.x{i}', 'w').close()", patience=30)
    container.end()
    with service_outside(container, "/tmp/tool/engine.sock"):
        assert_boot_ends(boot(container, scope), "/tmp/tool/engine.sock")


@pytest.mark.parametrize("place", ["/tmp", "/home/agent"])
def test_a_search_that_an_agent_can_cut_short_is_a_warning_with_the_remedy(container, scope, place):
    agent = container.start_agent("--scope", scope)
    agent.python(f"for i in range(300): os.mkdir(f'{place}/.x{{i}}')", patience=30)
    container.end()
    result = boot(container, scope)
    assert result.status == 0, result
    warnings = [line for line in result.stderr.splitlines() if "more than the self-test searches" in line]
    assert len(warnings) == 1 and f"the agent can write to {place}," in warnings[0] and "Remove" in warnings[0], result


def test_a_search_that_only_root_can_cut_short_is_no_warning(container, scope):
    for number in range(300):
        container.mkdir(f"/run/{number}")
    result = boot(container, scope)
    assert result.status == 0 and "searches" not in result.stderr, result
    assert any("/run holds more than was searched" in event["detail"] for event in container.audit("probe"))
