"""The agent's user, by name or number, with the variables of a login."""

import pytest

from support.refusal import refusal
from support.rootfs import AGENT, OTHER, TOOLS

LOGIN = ("HOME", "USER", "LOGNAME", "SHELL")


def identity(sandbox, user, **how):
    result = sandbox.boot("sh", "-c", "id -u; id -g; id -G", flags=["--user", user], **how)
    assert result.status == 0, result
    uid, gid, groups = result.stdout.splitlines()
    return int(uid), int(gid), set(map(int, groups.split()))


@pytest.mark.parametrize("user, expected", [
    ("agent", (AGENT, AGENT, {AGENT, TOOLS})),
    (str(AGENT), (AGENT, AGENT, {AGENT, TOOLS})),
    ("other", (OTHER, OTHER, {OTHER})),
    (f"{AGENT}:{TOOLS}", (AGENT, TOOLS, {TOOLS})),
    ("4242:4343", (4242, 4343, {4343})),
    ("0:0", (0, 0, {0})),
])
def test_a_user_can_be_given_by_name_or_number(sandbox, user, expected):
    assert identity(sandbox, user) == expected


@pytest.mark.parametrize("user", ["53053:1000", "1000:53053"])
def test_the_gates_user_and_group_are_refused(sandbox, user):
    assert refusal(sandbox.run("plan", "--user", user, "--", "true"), 78).endswith("choose another with --user\n")


@pytest.mark.parametrize("user", ["agent", str(AGENT)])
def test_the_agent_has_the_variables_of_a_login(sandbox, user):
    env = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/false"}
    agent = sandbox.agent_environment("--user", user, env=env)
    assert [agent[name] for name in LOGIN] == ["/home/agent", "agent", "agent", "/bin/bash"]


def test_the_agent_has_its_users_shell(sandbox):
    assert sandbox.agent_environment("--user", "other")["SHELL"] == "/bin/sh"


def test_an_unknown_number_has_a_usable_home(sandbox):
    agent = sandbox.agent_environment("--user", "4242:4343", env={"HOME": "/root", "USER": "root"})
    assert agent.get("HOME") != "/root" and agent.get("USER") != "root"


@pytest.mark.parametrize("user", ["nobody-of-that-name", "4242", "agent:nogroup-of-that-name", "agent:", ":1000",
                                  "1000:1000:1000", "-1", "1000:-1", "4294967295:1", "4294967296:1", "1:4294967295",
                                  "99999999999999999999:1", " agent", "agent ", "0x0:0", "+1000", "1e3"])
def test_an_unknown_user_is_refused(sandbox, user):
    assert "--user" in refusal(sandbox.boot("true", flags=[f"--user={user}"]), 78)


def test_a_user_name_of_digits_is_taken_as_a_number(sandbox):
    sandbox.write("/etc/passwd", sandbox.read("/etc/passwd") + "1001:x:1000:1000::/home/agent:/bin/sh\n")
    assert identity(sandbox, "1001")[0] == OTHER


def test_users_and_groups_come_from_the_files_only(sandbox):
    usual = identity(sandbox, "agent")
    sandbox.write("/etc/nsswitch.conf", "passwd: directory\ngroup: directory\ninitgroups: directory\n")
    assert identity(sandbox, "agent") == usual


def test_running_the_agent_as_root_gives_a_warning(sandbox):
    assert "root" in sandbox.boot("true").stderr
    assert "root" not in sandbox.boot("true", flags=["--user", "agent"]).stderr


def test_the_agent_starts_in_the_work_directory(sandbox):
    assert sandbox.boot("pwd", cwd="/work").stdout == "/work\n"
    assert sandbox.boot("pwd", flags=["--workdir", "/home"], cwd="/work").stdout == "/home\n"


@pytest.mark.parametrize("workdir", ["/no/such", "/etc/passwd"])
def test_an_invalid_work_directory_is_an_error(sandbox, workdir):
    result = sandbox.boot("touch", "/work/started", flags=["--workdir", workdir])
    assert result.status in (66, 78) and workdir in result.stderr, result
    assert not sandbox.exists("/work/started")
