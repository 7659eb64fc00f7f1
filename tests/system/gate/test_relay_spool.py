"""The relay's queue in a directory: telemetry that was answered with 200 survives the end of the container."""

import os
import signal

import pytest

from support import namespaces
from support.relayed import AT, COLLECTOR, World
from support.rootfs import AGENT
from support.telemetry import MARKER, shows_a_secret
from support.waiting import eventually
from support.web import Web

DIRECTORY = "/var/lib/telemetry"
PORT = 8318


@pytest.fixture
def world(new_container, internet, tmp_path):
    made = World(new_container(), internet, tmp_path, PORT, False, OSTIARY_AUDIT_OTLP="off",
                 OSTIARY_RELAY_SPOOL=DIRECTORY, OSTIARY_GRACE="1")
    yield made
    if made.web:
        made.web.close()


@pytest.fixture
def mounted(world):
    """Mounts a file system at the directory, until the test ends."""
    places = []

    def mount(kind, options):
        world.container.mkdir(DIRECTORY, mode=0o700)
        places.append(world.container.at(DIRECTORY))
        namespaces.call("mount", kind, places[-1], kind, 0, options)
    yield mount
    world.container.end()
    for place in places:
        namespaces.unmount(place)


def files(world):
    return sorted(os.listdir(world.container.at(DIRECTORY)))


def path_of_the_file(world):
    name, = files(world)
    return world.container.at(f"{DIRECTORY}/{name}")


def end(world):
    """Asks the container to end, as `docker stop` does."""
    world.agent.session.signal(signal.SIGTERM)
    return world.agent.session.wait().stderr


def kill(world):
    """Ends all processes of the container at once."""
    world.container.end()


# What arrives ---------------------------------------------------------------------------------------------------------


def test_the_next_start_delivers_what_was_not_delivered_once_and_unchanged(world, who):
    world.start(who)
    for number in range(3):
        assert world.post(f"span {number}") == "200"
    assert f"3 requests of telemetry were not delivered in time: kept in {DIRECTORY} for the next start" in end(world)
    world.serve()
    world.env["OTEL_RESOURCE_ATTRIBUTES"] = "team=red"
    world.start(who)
    world.await_spans("span 0", "span 1", "span 2")
    assert f"3 requests of telemetry from before wait for {COLLECTOR}:{PORT}" in world.log()
    for export in world.collector.exports:
        assert export.headers["authorization"] == f"Bearer {MARKER}"
        assert export.groups[0].resource["team"] == "blue"
    end(world)
    world.start(who)
    assert world.post("marker") == "200"
    world.await_spans("span 0", "span 1", "span 2", "marker")
    assert "from before" not in world.log()


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])  # ramfs cannot free a part of a file
def test_what_was_answered_with_200_survives_the_kill_of_all_processes(world, mounted, kind, who):
    mounted(kind, b"mode=700")
    world.start(who)
    for number in range(3):
        assert world.post(f"span {number}") == "200"
    kill(world)
    world.start(who)
    assert world.post("span 3") == "200"
    kill(world)
    world.serve()
    world.start(who)
    world.await_spans("span 0", "span 1", "span 2", "span 3")
    eventually(lambda: path_of_the_file(world).stat().st_size == 0, "the queue is empty")


def test_a_damaged_file_costs_the_damaged_requests_and_is_told(world, who):
    world.start(who)
    for span in ("first", "second", "third"):
        assert world.post(span) == "200"
    kill(world)
    path = path_of_the_file(world)
    path.write_bytes(path.read_bytes().replace(b"second", b"SECOND"))
    world.serve()
    world.start(who)
    world.await_spans("first", "third")
    assert f"the queue of telemetry for {COLLECTOR}:{PORT} is damaged: " in world.log()
    assert f"2 requests of telemetry from before wait for {COLLECTOR}:{PORT}" in world.log()


def test_a_file_that_is_no_queue_is_given_up_and_used(world):
    world.start("agent")
    kill(world)
    path_of_the_file(world).write_bytes(bytes(range(256)) * 40)
    world.serve()
    world.start("agent")
    assert world.post("work") == "200"
    world.await_spans("work")
    assert "is damaged: 10240 octets were given up" in world.log()


def test_a_queue_waits_for_its_own_collector(world, internet, who):
    world.start(who)
    assert world.post("mine") == "200"
    kill(world)
    own, = files(world)
    other = Web(internet.network, AT, 8319, world.collector.over_http("/base"))
    try:
        world.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{COLLECTOR}:8319/base"
        world.start(who)
        assert f"{DIRECTORY} has telemetry for collectors that are not configured: {own} (" in world.log()
        assert world.post("theirs") == "200"
        world.await_spans("theirs")
        end(world)
    finally:
        other.close()
    world.serve()
    world.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{COLLECTOR}:{PORT}/base"
    world.start(who)
    world.await_spans("mine", "theirs")


def test_a_full_disk_is_503_and_costs_no_request_that_was_taken(world, mounted, who):
    mounted("tmpfs", b"mode=700,size=64k")
    world.start(who)
    assert world.post("taken") == "200"
    assert world.python("post('x' * 100000)") == "503"
    assert world.post("taken too") == "200"
    kill(world)
    world.serve()
    world.start(who)
    world.await_spans("taken", "taken too")


# Who may use the directory --------------------------------------------------------------------------------------------


def test_the_directory_and_its_file_are_roots_alone_and_hold_no_credential(world):
    agent = world.start("agent")
    assert world.post("work") == "200"
    path = path_of_the_file(world)
    for place, mode in ((path.parent, 0o700), (path, 0o600)):
        assert (place.stat().st_uid, place.stat().st_mode & 0o7777) == (0, mode)
    inside = f"{DIRECTORY}/{path.name}"
    for command in (["/bin/ls", DIRECTORY], ["/bin/cat", inside], ["/bin/rm", "-f", inside],
                    ["/bin/mv", DIRECTORY, "/tmp/mine"], ["/bin/touch", f"{DIRECTORY}/mine"]):
        assert agent.run(*command)["status"] != 0, command
    content = path.read_bytes()
    assert b"work" in content and not shows_a_secret(content.decode("latin-1"))


@pytest.mark.parametrize("make, why", [
    (lambda box: box.mkdir(DIRECTORY, mode=0o755), "is open to other users: name a new directory in it"),
    (lambda box: box.mkdir(DIRECTORY, mode=0o770), "is open to other users: name a new directory in it"),
    (lambda box: box.mkdir(DIRECTORY, mode=0o700, owner=AGENT), f"belongs to user {AGENT}: name another directory"),
    (lambda box: box.mkdir("/var/lib", mode=0o755, owner=AGENT), f"belongs to user {AGENT}, who could replace its files"),
    (lambda box: (box.mkdir("/real", mode=0o700), box.symlink(DIRECTORY, "/real")), "is a symbolic link or a file"),
    (lambda box: box.write(DIRECTORY, ""), "is a symbolic link or a file"),
], ids=["readable", "group", "foreign", "parent", "link", "file"])
def test_a_directory_that_others_could_use_ends_the_boot_before_the_rules(world, make, why):
    make(world.container)
    done = world.container.boot("true", flags=["--user", "agent"], env=world.env)
    assert done.status == 77 and f"OSTIARY_RELAY_SPOOL: {DIRECTORY}".removesuffix("/telemetry") in done.stderr, done
    assert why in done.stderr, done
    assert world.container.tables() == []


def test_a_second_ostiary_at_once_is_refused(world, new_container):
    world.start("agent")
    assert world.post("work") == "200"
    second = new_container()
    second.mkdir(DIRECTORY, mode=0o700)
    namespaces.bind(world.container.at(DIRECTORY), second.at(DIRECTORY))
    try:
        done = second.boot("true", flags=["--user", "agent"], env=world.env)
        assert done.status == 69 and "another ostiary uses it: name another directory" in done.stderr, done
        assert second.tables() == []
    finally:
        second.end()
        namespaces.unmount(second.at(DIRECTORY))
    world.serve()
    world.await_spans("work")


def test_the_killed_boots_lock_is_gone_for_the_next(world):
    for _ in range(3):
        world.start("agent")
        kill(world)


def test_a_root_agent_can_read_the_queue_and_the_boot_warns(world):
    agent = world.start("root")
    assert world.post("work") == "200"
    assert f"it can read the telemetry that waits in {DIRECTORY}" in world.log()
    assert not shows_a_secret(agent.run("/bin/sh", "-c", f"cat {DIRECTORY}/*")["out"])


# Configuration --------------------------------------------------------------------------------------------------------


def test_without_a_relay_for_telemetry_the_directory_has_no_effect_and_the_boot_says_so(world):
    done = world.container.boot("true", flags=["--user", "agent", "--relay", "off"], env=world.env)
    assert done.status == 0 and "OSTIARY_RELAY_SPOOL has no effect, because no telemetry" in done.stderr, done
    assert not world.container.exists(DIRECTORY)
    plan = world.container.plan("--user", "agent", "--", "true", env=world.env)
    assert plan["relay"]["spool"] == DIRECTORY and not world.container.exists(DIRECTORY)


def test_the_boots_log_names_the_directory(world):
    done = world.container.boot("true", flags=["--user", "agent"], env=world.env)
    assert f"phase 1: telemetry that is not yet delivered is kept in {DIRECTORY}\n" in done.stderr, done
