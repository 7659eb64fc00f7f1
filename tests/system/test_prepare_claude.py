"""Claude Code's first start: ostiary answers its first questions and changes nothing else in
~/.claude.json."""

import json
import os
import stat

import pytest

from support.rootfs import AGENT

FILE = "/home/agent/.claude.json"
PROJECT = "/home/agent/project"
THEIRS = """{
  "zeta": 1,
  "alpha": {"b": [1, 2.50, {"c": null}], "a": "\\u00e9\\u2028é"},
  "projects": {"/other": {"hasTrustDialogAccepted": false, "history": ["x"]}},
  "big": 9007199254740993,
  "empty": {},
  "hasCompletedOnboarding": false,
  "last": true
}"""


@pytest.fixture
def claude(sandbox):
    sandbox.script("/opt/bin/claude", "pwd")
    return sandbox


def start(sandbox, *flags, workdir=PROJECT, **how):
    return sandbox.boot("claude", flags=["--user", "agent", "--workdir", workdir, *flags], **how)


def held(sandbox):
    return json.loads(sandbox.read(FILE))


def test_onboarding_is_marked_as_done_and_the_work_directory_as_trusted(claude):
    assert start(claude).stdout == PROJECT + "\n"
    assert held(claude) == {"hasCompletedOnboarding": True, "projects": {PROJECT: {"hasTrustDialogAccepted": True}}}


def test_the_work_directory_is_made_for_the_agent(claude):
    assert start(claude, workdir=f"{PROJECT}/deep/down").stdout == f"{PROJECT}/deep/down\n"
    for directory in (PROJECT, f"{PROJECT}/deep/down"):
        assert claude.at(directory).stat().st_uid == AGENT


def test_the_agent_owns_the_file(claude):
    start(claude)
    status = claude.at(FILE).stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (AGENT, AGENT, 0o600)


def test_other_keys_and_their_order_are_kept(claude):
    claude.write(FILE, THEIRS, owner=AGENT)
    start(claude)
    expected = json.loads(THEIRS)
    expected["hasCompletedOnboarding"] = True
    expected["projects"][PROJECT] = {"hasTrustDialogAccepted": True}
    assert held(claude) == expected
    assert list(held(claude)) == list(expected)
    assert list(held(claude)["alpha"]) == ["b", "a"]


def test_other_settings_of_the_work_directory_are_kept(claude):
    claude.write(FILE, json.dumps({"projects": {PROJECT: {"allowedTools": ["Bash"], "lastCost": 0.25}}}), owner=AGENT)
    start(claude)
    assert held(claude)["projects"][PROJECT] == {
        "allowedTools": ["Bash"], "lastCost": 0.25, "hasTrustDialogAccepted": True}


def test_a_second_boot_changes_nothing(claude):
    start(claude)
    before = claude.read(FILE)
    start(claude)
    assert claude.read(FILE) == before


def test_the_file_is_replaced_atomically(claude):
    claude.write(FILE, THEIRS, owner=AGENT)
    os.link(claude.at(FILE), claude.at("/home/agent/before"))
    start(claude)
    assert claude.read("/home/agent/before") == THEIRS
    assert sorted(os.listdir(claude.at("/home/agent"))) == [".claude.json", "before", "project"]


@pytest.mark.parametrize("text", ["", "{", "not json", '{"a": 1,}', "[]", '{"projects": []}', "7"], ids=repr)
def test_a_file_that_is_not_a_json_object_is_not_changed_and_gives_a_warning(claude, text):
    claude.write(FILE, text, mode=0o640, owner=AGENT)
    result = start(claude)
    assert result.status == 0
    assert ".claude.json" in result.stderr
    assert claude.read(FILE) == text


def test_the_flag_prepares_the_file_for_another_command(claude):
    assert claude.boot("true", flags=["--user", "agent", "--workdir", PROJECT, "--prepare-claude"]).status == 0
    assert held(claude)["hasCompletedOnboarding"] is True


def test_another_command_changes_nothing(claude):
    claude.boot("true", flags=["--user", "agent", "--workdir", "/work"])
    assert not claude.exists(FILE)


def test_the_file_is_not_changed_if_switched_off(claude):
    start(claude, workdir="/work", env={"OSTIARY_PREPARE_CLAUDE": "false"})
    assert not claude.exists(FILE)


def test_claude_is_recognised_by_its_path_too(claude):
    claude.boot("/opt/bin/claude", flags=["--user", "agent", "--workdir", PROJECT])
    assert held(claude)["hasCompletedOnboarding"] is True


def test_the_file_is_prepared_for_a_root_agent(claude):
    assert claude.boot("claude", flags=["--workdir", "/work"], env={"HOME": "/root"}).status == 0
    assert json.loads(claude.read("/root/.claude.json"))["projects"] == {"/work": {"hasTrustDialogAccepted": True}}


# Files that the agent may have left there before


def test_a_symlink_to_a_file_of_root_gives_the_agent_no_access(claude):
    claude.write("/root/secret.json", '{"key": "MARKER"}', mode=0o600)
    claude.symlink(FILE, "/root/secret.json", owner=AGENT)
    result = claude.boot("sh", "-c", "cat ~/.claude.json", flags=["--user", "agent", "--prepare-claude"])
    assert "MARKER" not in result.stdout + result.stderr
    assert claude.read("/root/secret.json") == '{"key": "MARKER"}'
    status = claude.at("/root/secret.json").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o600)


def test_a_hard_link_to_a_file_of_root_gives_the_agent_no_access(claude):
    claude.write("/home/secret.json", '{"key": "MARKER"}', mode=0o600)
    os.link(claude.at("/home/secret.json"), claude.at(FILE))
    result = claude.boot("sh", "-c", "cat ~/.claude.json", flags=["--user", "agent", "--prepare-claude"])
    assert "MARKER" not in result.stdout + result.stderr
    assert claude.at("/home/secret.json").stat().st_uid == 0


def test_a_dangling_symlink_makes_no_file_at_its_target(claude):
    claude.symlink(FILE, "/etc/made-by-root", owner=AGENT)
    start(claude)
    assert not claude.exists("/etc/made-by-root")


def test_a_home_that_is_a_symlink_is_not_followed(claude):
    claude.at("/home/agent").rmdir()
    claude.symlink("/home/agent", "/root", owner=AGENT)
    claude.boot("true", flags=["--user", "agent", "--workdir", "/work", "--prepare-claude"])
    assert os.listdir(claude.at("/root")) == []


def test_a_work_directory_below_a_symlink_is_not_made_as_root(claude):
    claude.symlink("/home/agent/link", "/etc", owner=AGENT)
    start(claude, workdir="/home/agent/link/mine")
    assert not claude.exists("/etc/mine")


def test_a_pipe_instead_of_the_file_does_not_block_the_boot(claude):
    os.mkfifo(claude.at(FILE))
    os.chown(claude.at(FILE), AGENT, AGENT)
    result = start(claude)
    assert result.status == 0 and ".claude.json" in result.stderr, result


def test_a_huge_file_is_not_changed(claude):
    claude.write(FILE, "", owner=AGENT)
    os.truncate(claude.at(FILE), 1 << 40)
    result = start(claude)
    assert result.status == 0 and ".claude.json" in result.stderr, result


def test_a_file_with_very_many_keys_is_prepared_before_the_helpers_time_limit(claude):
    many = {f"{number:x}": 1 for number in range(300_000)}
    claude.write(FILE, json.dumps(many, separators=(",", ":")), owner=AGENT)
    assert start(claude, workdir="/work").status == 0
    assert held(claude) == {**many, "hasCompletedOnboarding": True,
                            "projects": {"/work": {"hasTrustDialogAccepted": True}}}


def test_a_deeply_nested_file_is_not_changed(claude):
    text = '{"a":' * 100_000
    claude.write(FILE, text, owner=AGENT)
    assert start(claude).status == 0
    assert claude.read(FILE) == text


def test_the_agents_api_key_is_approved_by_its_last_characters(claude):
    start(claude, env={"ANTHROPIC_API_KEY": "sk-ant-api03-MARKER-0123456789012345678901234567890123456789"})
    assert held(claude)["customApiKeyResponses"] == {"approved": ["01234567890123456789"], "rejected": []}


def test_an_api_key_from_a_file_is_approved_too(claude):
    claude.write("/run/secrets/ANTHROPIC_API_KEY", "sk-ant-abcdefghijklmnopqrstuvwxyz\n", mode=0o600)
    start(claude)
    assert held(claude)["customApiKeyResponses"]["approved"] == ["ghijklmnopqrstuvwxyz"]
