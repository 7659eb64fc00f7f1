"""Root reads a file that the operator names, but follows no link on the way that another user made:
the agent could have left it for the next boot."""

import json
import os

import pytest

from support.namespaces import MS_RDONLY, bind
from support.refusal import refusal
from support.rootfs import AGENT, OTHER, TOOLS

SECRETS = ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GRAFANA_API_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS",
           "OSTIARY_TELEMETRY"]
KEY, POLICY = "/home/agent/given/key", "/home/agent/given/policy.json"
USING_IT = ["--user", "agent"]
WARNING = "the rules of the next boot"


@pytest.fixture
def given(sandbox):
    """A directory of the agent's, in which the operator names files, and files that only root may read."""
    sandbox.mkdir("/home/agent/given", owner=AGENT)
    sandbox.mkdir("/root/private", mode=0o700)
    for name in ("key", "policy.json"):
        sandbox.write(f"/root/private/{name}", '{"roots-own-text": 1}\n', mode=0o600)
    return sandbox


def replace_by_link(sandbox, path, to, owner=AGENT):
    if sandbox.exists(path):
        sandbox.at(path).rmdir()
    sandbox.symlink(path, to, owner=owner)


def assert_refused(result, path, link, owner=AGENT):
    line = refusal(result, 77)
    assert "roots-own-text" not in line
    assert path in line and f"link {link}, " in line and f"user {owner}" in line, line


@pytest.mark.parametrize("name", SECRETS)
def test_a_link_in_place_of_a_secrets_file_is_refused(given, name):
    replace_by_link(given, KEY, "/root/private/key")
    result = given.boot("env", flags=USING_IT, env={f"{name}_FILE": KEY})
    assert_refused(result, KEY, KEY)
    assert f"{name}_FILE: " in result.stderr


def test_a_link_in_place_of_the_policy_is_refused(given):
    replace_by_link(given, POLICY, "/root/private/policy.json")
    for command in ("run", "plan"):
        assert_refused(given.run(command, *USING_IT, "--policy", POLICY, "--", "true"), POLICY, POLICY)


def test_a_link_in_place_of_a_directory_is_refused(given):
    replace_by_link(given, "/home/agent/given", "/root/private")
    assert_refused(given.boot("env", flags=USING_IT, env={"ANTHROPIC_API_KEY_FILE": KEY}), KEY, "/home/agent/given")
    assert_refused(given.boot("true", flags=[*USING_IT, "--policy", POLICY]), POLICY, "/home/agent/given")


def test_a_link_behind_a_link_of_root_is_refused(given):
    given.symlink("/work/key", KEY)
    given.symlink(KEY, "../../../root/private/key", owner=OTHER)
    result = given.boot("env", flags=USING_IT, env={"ANTHROPIC_API_KEY_FILE": "/work/key"})
    assert_refused(result, "/work/key", KEY, owner=OTHER)


def test_a_link_on_the_way_from_the_work_directory_is_refused(given):
    replace_by_link(given, POLICY, "/root/private/policy.json")
    result = given.boot("true", flags=[*USING_IT, "--policy", "given/policy.json"], cwd="/home/agent")
    assert_refused(result, "given/policy.json", POLICY)


def test_links_of_root_are_followed(sandbox):
    """As Kubernetes makes them in the volume of a secret."""
    sandbox.write("/run/secrets/..2026_01_01/ANTHROPIC_API_KEY", "made-up")
    sandbox.symlink("/run/secrets/..data", "..2026_01_01")
    sandbox.symlink("/run/secrets/ANTHROPIC_API_KEY", "..data/ANTHROPIC_API_KEY")
    assert sandbox.agent_environment(*USING_IT)["ANTHROPIC_API_KEY"] == "made-up"
    sandbox.symlink("/work/again", "/work/../run/./secrets//..data/")
    env = {"CLAUDE_CODE_OAUTH_TOKEN_FILE": "/work/again/ANTHROPIC_API_KEY"}
    assert sandbox.agent_environment(*USING_IT, env=env)["CLAUDE_CODE_OAUTH_TOKEN"] == "made-up"


def test_links_of_the_user_that_makes_a_plan_are_followed(sandbox):
    sandbox.write("/work/policy.json", json.dumps({"grace": 7}))
    sandbox.symlink("/home/agent/policy.json", "/work/policy.json", owner=AGENT)
    plan = sandbox.plan("--policy", "policy.json", "--", "true", uid=AGENT, cwd="/home/agent")
    assert plan["grace_seconds"] == 7
    assert not [warning for warning in plan["warnings"] if WARNING in warning]


@pytest.mark.parametrize("place", ["/dev/fd", "/proc/self/fd"])
@pytest.mark.parametrize("removed", [False, True])
def test_a_descriptor_may_be_named(sandbox, place, removed):
    sandbox.write("/home/agent/key", "made-up", owner=AGENT)
    fd = os.open(sandbox.at("/home/agent/key"), os.O_RDONLY)
    if removed:
        sandbox.at("/home/agent/key").unlink()
    env = {"ANTHROPIC_API_KEY_FILE": f"{place}/{fd}"}
    assert sandbox.agent_environment(*USING_IT, env=env, keep_fds=[fd])["ANTHROPIC_API_KEY"] == "made-up"
    os.close(fd)


@pytest.mark.parametrize("path", ["/proc/self/cwd/key", "/proc/self/root/work/key", "/proc/self/cwd/../work/key"])
def test_a_directory_of_proc_may_be_named(sandbox, path):
    sandbox.write("/work/key", "made-up")
    env = {"ANTHROPIC_API_KEY_FILE": path}
    assert sandbox.agent_environment(*USING_IT, env=env, cwd="/work")["ANTHROPIC_API_KEY"] == "made-up"


@pytest.mark.parametrize("path", ["/work/loop", "/work/loop/key", "/work/key/", "/work/key/.", "/work/key/../key"])
def test_a_path_that_leads_nowhere_is_an_error(sandbox, path):
    sandbox.write("/work/key", "made-up")
    sandbox.symlink("/work/loop", "loop")
    line = refusal(sandbox.boot("true", env={"ANTHROPIC_API_KEY_FILE": path}), 66)
    assert "ANTHROPIC_API_KEY_FILE" in line


def warnings_about_the_policy(sandbox, *flags, path=POLICY, **how):
    result = sandbox.boot("true", flags=[*flags, "--policy", path], **how)
    assert result.status == 0, result
    return [line for line in result.stderr.splitlines() if WARNING in line]


@pytest.mark.parametrize("mode, owner, group", [(0o600, AGENT, 0), (0o444, AGENT, 0), (0o664, 0, AGENT),
                                                (0o664, 0, TOOLS), (0o666, 0, 0)])
def test_a_policy_that_the_agent_can_write_to_is_a_warning(sandbox, mode, owner, group):
    sandbox.write("/work/policy.json", "{}", mode=mode)
    os.chown(sandbox.at("/work/policy.json"), owner, group)
    (line,) = warnings_about_the_policy(sandbox, *USING_IT, path="/work/policy.json")
    assert "because it can write to /work/policy.json, " in line and "/etc/ostiary" in line
    assert not warnings_about_the_policy(sandbox, "--user", "root", path="/work/policy.json")


@pytest.mark.parametrize("mode", [0o644, 0o664])
def test_a_policy_that_only_others_can_write_to_is_none(sandbox, mode):
    sandbox.write("/work/policy.json", "{}", mode=mode)
    os.chown(sandbox.at("/work/policy.json"), OTHER, OTHER)
    assert not warnings_about_the_policy(sandbox, *USING_IT, path="/work/policy.json")


@pytest.mark.parametrize("directory", ["/home/agent/given", "/home/agent"])
def test_a_policy_below_a_directory_of_the_agents_is_a_warning(sandbox, directory):
    sandbox.write(POLICY, "{}")
    os.chown(sandbox.at("/home/agent"), 0, 0)
    os.chown(sandbox.at(directory), AGENT, AGENT)
    (line,) = warnings_about_the_policy(sandbox, *USING_IT)
    assert f"because it can write to {directory}, " in line
    sandbox.symlink("/work/policy.json", POLICY)
    (line,) = warnings_about_the_policy(sandbox, *USING_IT, path="/work/policy.json")
    assert f"because it can write to {directory}, " in line
    (line,) = warnings_about_the_policy(sandbox, *USING_IT, path="policy.json", cwd="/home/agent/given")
    assert f"because it can write to {directory}, " in line


def test_a_link_to_the_policy_in_a_directory_of_the_agents_is_a_warning(given):
    given.policy({})
    os.chown(given.at("/home/agent"), 0, 0)
    given.symlink(POLICY, "/etc/ostiary/policy.json")
    (line,) = warnings_about_the_policy(given, *USING_IT)
    assert "because it can write to /home/agent/given, " in line


def test_a_policy_of_roots_in_a_sticky_directory_is_none(sandbox):
    sandbox.write("/tmp/policy.json", "{}")
    assert not warnings_about_the_policy(sandbox, *USING_IT, path="/tmp/policy.json")
    os.chown(sandbox.at("/tmp/policy.json"), AGENT, AGENT)
    assert warnings_about_the_policy(sandbox, *USING_IT, path="/tmp/policy.json")


def test_a_policy_that_is_mounted_over_a_file_is_none(given):
    """As with docker run -v $PWD/policy.json:/home/agent/given/policy.json:ro."""
    given.write("/work/policy.json", "{}")
    os.chown(given.at("/work/policy.json"), AGENT, AGENT)
    given.write(POLICY, "")
    os.chown(given.at("/home/agent/given"), 0, 0)
    os.chown(given.at("/home/agent"), 0, 0)
    assert warnings_about_the_policy(given, *USING_IT, prepare=lambda: bind("/work/policy.json", POLICY))
    assert not warnings_about_the_policy(given, *USING_IT,
                                         prepare=lambda: bind("/work/policy.json", POLICY, MS_RDONLY))
    os.chown(given.at("/home/agent/given"), AGENT, AGENT)
    assert not warnings_about_the_policy(given, *USING_IT,
                                         prepare=lambda: bind("/work/policy.json", POLICY, MS_RDONLY))


def test_a_policy_in_a_read_only_mount_is_none(given):
    given.write(POLICY, "{}", owner=AGENT)
    os.chown(given.at("/home/agent"), 0, 0)
    assert warnings_about_the_policy(given, *USING_IT)
    given.make_read_only("/home/agent/given")
    assert not warnings_about_the_policy(given, *USING_IT)


@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY_FILE", "GRAFANA_API_TOKEN_FILE", "OSTIARY_TELEMETRY_FILE"])
def test_a_secrets_file_in_a_directory_of_the_agents_is_a_warning(given, variable):
    """The agent could rename another file to that path."""
    said = f"the agent can change the file of {variable}, because it can write to /home/agent"
    given.write("/home/agent/given/empty", "")
    os.chown(given.at("/home/agent"), AGENT, AGENT)
    assert said in given.boot("true", flags=USING_IT, env={variable: "/home/agent/given/empty"}).stderr
    assert "can change the file" not in given.boot("true", flags=["--user", "root"], env={variable: "/home/agent/given/empty"}).stderr
    assert "can change the file" not in given.boot("true", flags=USING_IT, env={variable: ""}, cwd="/home/agent").stderr
    given.write("/run/secrets/own", "")
    assert "can change the file" not in given.boot("true", flags=USING_IT, env={variable: "/run/secrets/own"}).stderr
