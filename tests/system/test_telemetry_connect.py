"""`ostiary telemetry connect` and `undo`: Claude Code's settings on a machine without a container."""

import json
import os
import plistlib
import re
import shlex
import signal
import stat
import termios

import pytest

from support.project import ROOT
from support.refusal import refusal
from support.rootfs import AGENT
from support.sandbox import OSTIARY
from support.telemetry import MARKER
from support.waiting import eventually

HOME = "/home/agent"
SETTINGS = f"{HOME}/.claude/settings.json"
MANAGED = "/etc/claude-code/managed-settings.d/60-ostiary-telemetry.json"
ENDPOINT = "https://collector.example:4318"
FAILED = 69  # of a check: the sandbox has no network
OWN = b'{\n    "model": "opus", "permissions": {"allow": ["Bash(ls:*)"]},\n\t"env": {"MINE": "1"},\n    "n": 1.50\n}'


def run(sandbox, *words, uid=AGENT, env={}, **how):
    return sandbox.run("telemetry", *words, uid=uid, env={"HOME": HOME} | env, **how)


def connect(sandbox, *words, endpoint=ENDPOINT, **how):
    result = run(sandbox, "connect", "--endpoint", endpoint, *words, **how)
    assert result.status == 0, result
    return result


def own_settings(sandbox, content=OWN, mode=0o644):
    sandbox.mkdir(f"{HOME}/.claude", owner=AGENT)
    sandbox.write(SETTINGS, content, mode=mode, owner=AGENT)


def settings(sandbox, path=SETTINGS):
    return json.loads(sandbox.read(path))


def files(sandbox, directory=f"{HOME}/.claude"):
    return sorted(path.name for path in sandbox.at(directory).iterdir())


def mode(sandbox, path=SETTINGS):
    return stat.S_IMODE(sandbox.at(path).stat().st_mode)


@pytest.mark.parametrize("key, number", [("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT)], ids=["Ctrl-C", "Ctrl-backslash"])
def test_a_key_at_the_prompt_for_a_header_ends_the_command_and_the_terminal_shows_input_again(sandbox, key, number):
    command = f"trap : INT QUIT; {OSTIARY} telemetry connect --endpoint {ENDPOINT} --header Authorization; echo ended with $?"
    session = sandbox.launch("sh", "-c", command, uid=AGENT, env={"HOME": HOME, "PATH": "/usr/bin:/bin"}, tty=True)
    session.read_until("which is not shown")
    assert not termios.tcgetattr(session.out.fd)[3] & termios.ECHO
    session.send(key)
    eventually(lambda: termios.tcgetattr(session.out.fd)[3] & termios.ECHO, "the terminal shows input")
    session.read_until(f"ended with {128 + number}")
    assert not sandbox.at(SETTINGS).exists()


def test_connect_writes_everything_that_claude_code_needs_to_export(sandbox):
    result = connect(sandbox)
    env = settings(sandbox)["env"]
    assert {name: env[name] for name in env if not name.startswith("OTEL_LOG_")} == {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT,
        "OTEL_SERVICE_NAME": "claude-code"}
    assert {value for name, value in env.items() if name.startswith("OTEL_LOG_")} == {"0"}
    assert result.stdout == (f"{SETTINGS}: Claude Code sends telemetry to {ENDPOINT} over http/protobuf from its next start on\n"
                             "check: ostiary telemetry check\nundo: ostiary telemetry undo\n")
    assert result.stderr == ""
    assert (mode(sandbox), sandbox.at(SETTINGS).stat().st_uid) == (0o600, AGENT)


def test_connect_has_the_variables_that_run_gives_its_agent(sandbox):
    connect(sandbox, "--attribute", "team=a b")
    agent = sandbox.agent_environment(env={"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_RESOURCE_ATTRIBUTES": "team=a%20b"})
    env = settings(sandbox)["env"]
    assert env.keys() == {name for name in agent if name.startswith(("OTEL_", "CLAUDE_CODE_"))}
    assert env["OTEL_RESOURCE_ATTRIBUTES"] in agent["OTEL_RESOURCE_ATTRIBUTES"]
    assert {name: agent[name] for name in env if name != "OTEL_RESOURCE_ATTRIBUTES"} == {
        name: value for name, value in env.items() if name != "OTEL_RESOURCE_ATTRIBUTES"}


def test_other_settings_stay_octet_by_octet(sandbox):
    own_settings(sandbox)
    connect(sandbox)
    text = sandbox.at(SETTINGS).read_bytes()
    assert text.startswith(OWN[:OWN.index(b"\"1\"}") + 3]) and b'    "n": 1.50' in text
    assert list(settings(sandbox)) == ["model", "permissions", "env", "n"]
    assert sandbox.at(f"{SETTINGS}.before-ostiary").read_bytes() == OWN


@pytest.mark.parametrize("content", [OWN, b"{}", OWN.replace(b"\n", b"\r\n"), None])
def test_undo_restores_the_settings_octet_by_octet(sandbox, content):
    if content is not None:
        own_settings(sandbox, content, mode=0o640)
    connect(sandbox, "--header", "x-key", stdin=b"secret")
    assert mode(sandbox) == 0o600
    result = run(sandbox, "undo")
    assert result.status == 0, result
    if content is None:
        assert files(sandbox) == []
    else:
        assert sandbox.at(SETTINGS).read_bytes() == content and mode(sandbox) == 0o640
        assert files(sandbox) == ["settings.json"]
    assert "nothing to undo" in refusal(run(sandbox, "undo"), 66)


def test_undo_without_a_directory_says_that_there_is_nothing(sandbox):
    assert f"{SETTINGS} has nothing to undo: there is no such file" in refusal(run(sandbox, "undo"), 66)


def test_undo_of_changed_settings_says_what_it_did(sandbox):
    own_settings(sandbox)
    connect(sandbox)
    changed = settings(sandbox)
    changed["model"] = "sonnet"
    changed["env"]["OTEL_LOG_USER_PROMPTS"] = "1"
    sandbox.write(SETTINGS, json.dumps(changed), owner=AGENT)
    result = run(sandbox, "undo")
    assert result.status == 0 and "only what connect wrote is as it was before" in result.stdout, result
    assert "they stay: env.OTEL_LOG_USER_PROMPTS" in result.stderr
    assert settings(sandbox) == json.loads(OWN) | {"model": "sonnet", "env": {"MINE": "1", "OTEL_LOG_USER_PROMPTS": "1"}}


@pytest.mark.parametrize("how", [
    {"words": ["--header-file", "/work/header"]}, {"words": ["--header-file", "-"], "stdin": f"Authorization: Bearer {MARKER}\n".encode()},
    {"words": ["--header", "Authorization"], "stdin": f"Bearer {MARKER}\n".encode()}], ids=["file", "input", "value"])
def test_a_header_comes_from_a_file_or_from_standard_input_and_is_never_shown(sandbox, how):
    sandbox.write("/work/header", f"Authorization: Bearer {MARKER}\n", mode=0o600, owner=AGENT)
    result = connect(sandbox, *how["words"], stdin=how.get("stdin", b""))
    assert settings(sandbox)["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {MARKER}"
    assert MARKER not in result.stdout + result.stderr
    assert {mode(sandbox, f"{HOME}/.claude/{name}") for name in files(sandbox)} == {0o600}


def test_an_endpoint_or_header_of_an_earlier_setup_does_not_stay(sandbox):
    own_settings(sandbox, json.dumps({"env": {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://old:4318/v1/metrics",
                                              "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {MARKER}"}}).encode())
    result = connect(sandbox)
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS" in result.stderr
    assert not {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"} & settings(sandbox)["env"].keys()


# Each mistake of such a set-up, of which Claude Code says nothing.


def test_no_exporter_is_left_unset(sandbox):
    own_settings(sandbox, b'{"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_METRICS_EXPORTER": "none"}}')
    connect(sandbox)
    env = settings(sandbox)["env"]
    assert {env[f"OTEL_{signal}_EXPORTER"] for signal in ("TRACES", "METRICS", "LOGS")} == {"otlp"}


@pytest.mark.parametrize("words, said", [
    (["--endpoint", "collector.example:4317"], "--endpoint: has no scheme: write https:// or"),
    (["--endpoint", f"{ENDPOINT}/v1/metrics"], "write the URL without it"),
    (["--endpoint", ENDPOINT, "--protocol", "http"], "write http/protobuf"),
    (["--endpoint", ENDPOINT, "--attribute", "team blue"], "write key=value"),
    (["--endpoint", ENDPOINT, "--temporality", "sum"], "write delta or cumulative"),
    (["--endpoint", f"https://user:{MARKER}@collector.example"], "put a user name and password into the headers"),
    (["--endpoint", ENDPOINT, "--header-file", "/work/empty"], "write a line Name: value into it"),
])
def test_what_claude_code_would_ignore_is_refused_and_nothing_written(sandbox, words, said):
    sandbox.write("/work/empty", "\n")
    assert said in refusal(run(sandbox, "connect", *words), 78)
    assert not sandbox.exists(f"{HOME}/.claude")


@pytest.mark.parametrize("words, said", [
    (["connect"], "write --endpoint URL"),
    (["connect", "--endpoint", "--protocol", "grpc"], "--endpoint has no value: write --endpoint URL"),
    (["connect", "--endpoint", ENDPOINT, "--scope", "usr"], "write one of user, managed, print"),
    (["connect", "--endpoint", ENDPOINT, "--reveal"], "only with --scope print"),
    (["connect", "--endpoint", ENDPOINT, "--header", "a", "--header-file", "b"], "keep one of them"),
    (["connect", "--endpont", ENDPOINT], "perhaps --endpoint"),
    (["undo", "--scope", "print"], "write one of user, managed"),
    (["conect"], "write connect"),
    (["frobnicate"], "write local, connect, check, undo"),
    (["locl"], "write local"),
])
def test_a_mistake_in_the_command_line_is_one_line(sandbox, words, said):
    assert said in refusal(run(sandbox, *words), 64)


@pytest.mark.parametrize("content, place", [
    (b'{\n  "model": "opus",\n}\n', "line 3, column 1"), (b"{\n  // mine\n}", "line 2, column 3"),
    (b"[]", "line 1"), (b'{"env": 1}', "line 1: env is a number: write an object in braces"),
    (b'{"a": 1,\n"a": 2}', "line 2"), (b"", "line 1")])
def test_settings_that_are_not_json_are_refused_with_the_place(sandbox, content, place):
    own_settings(sandbox, content)
    assert f"{SETTINGS}: {place}" in refusal(run(sandbox, "connect", "--endpoint", ENDPOINT), 78)
    assert sandbox.at(SETTINGS).read_bytes() == content and files(sandbox) == ["settings.json"]


def test_a_link_stays_a_link(sandbox):
    sandbox.write(f"{HOME}/dotfiles/settings.json", OWN, owner=AGENT)
    os.chown(sandbox.at(f"{HOME}/dotfiles"), AGENT, AGENT)
    sandbox.mkdir(f"{HOME}/.claude", owner=AGENT)
    sandbox.symlink(SETTINGS, "../dotfiles/settings.json", owner=AGENT)
    assert f"a link to {HOME}/dotfiles/settings.json" in connect(sandbox).stdout
    assert sandbox.at(SETTINGS).is_symlink()
    assert "OTEL_LOGS_EXPORTER" in json.loads(sandbox.read(f"{HOME}/dotfiles/settings.json"))["env"]
    assert run(sandbox, "undo").status == 0
    assert sandbox.at(SETTINGS).is_symlink() and sandbox.at(f"{HOME}/dotfiles/settings.json").read_bytes() == OWN


def test_a_directory_that_cannot_be_written_is_one_line(sandbox):
    sandbox.mkdir(f"{HOME}/.claude", owner=AGENT, mode=0o500)
    assert f"{SETTINGS}.after-ostiary: cannot create a file in its directory" in refusal(
        run(sandbox, "connect", "--endpoint", ENDPOINT), 77)


def test_root_does_not_write_into_another_users_home(sandbox):
    assert "run the command as that user, without sudo" in refusal(
        run(sandbox, "connect", "--endpoint", ENDPOINT, uid=0), 77)


def test_the_settings_of_all_users_are_roots_and_for_all_to_read(sandbox):
    assert "write sudo before the command" in refusal(
        run(sandbox, "connect", "--endpoint", ENDPOINT, "--scope", "managed"), 77)
    result = connect(sandbox, "--scope", "managed", "--header", "x-key", stdin=MARKER.encode(), uid=0)
    assert "every user of this machine can read the header" in result.stderr and MARKER not in result.stderr
    held = settings(sandbox, MANAGED)
    assert held["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f"x-key={MARKER}"
    assert held["env"]["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == f"{ENDPOINT}/v1/logs"
    assert mode(sandbox, MANAGED) == 0o644 and mode(sandbox, os.path.dirname(MANAGED)) == 0o755
    assert run(sandbox, "undo", "--scope", "managed", uid=0).status == 0
    assert files(sandbox, os.path.dirname(MANAGED)) == []


def test_settings_that_managed_ones_override_are_said_to_be(sandbox):
    sandbox.write("/etc/claude-code/managed-settings.json", json.dumps({"env": {"MINE": "1"}}))
    sandbox.write("/etc/claude-code/managed-settings.d/.hidden.json", json.dumps({"env": {"OTEL_LOGS_EXPORTER": "none"}}))
    assert connect(sandbox).stderr == ""
    sandbox.write("/etc/claude-code/managed-settings.d/50-ostiary.json", json.dumps({"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}}))
    warning = "also say where telemetry is sent, for all users of this machine: /etc/claude-code/managed-settings.d/50-ostiary.json:"
    result = connect(sandbox)
    assert warning in result.stderr and "from its next start on" not in result.stdout
    assert f"has the settings for {ENDPOINT} over http/protobuf, but managed settings also say where" in result.stdout, result


def test_other_managed_settings_of_telemetry_are_named(sandbox):
    sandbox.write("/etc/claude-code/managed-settings.d/70-other.json", json.dumps({"env": {"OTEL_LOGS_EXPORTER": "none"}}))
    result = connect(sandbox, "--scope", "managed", uid=0)
    assert "for all users of this machine: /etc/claude-code/managed-settings.d/70-other.json:" in result.stderr


# A secret in the wrong place


@pytest.mark.parametrize("name", [f"Authorization=Bearer {MARKER}", f"Authorization: Bearer {MARKER}", f"a,{MARKER}"])
def test_a_header_in_place_of_its_name_is_refused_and_not_shown(sandbox, name):
    said = refusal(run(sandbox, "connect", "--endpoint", ENDPOINT, "--header", name), 64)
    assert "write --header Authorization, and the value" in said and MARKER not in said
    assert not sandbox.exists(SETTINGS)


def test_a_header_in_place_of_its_file_is_refused_and_not_shown(sandbox):
    said = refusal(run(sandbox, "connect", "--endpoint", ENDPOINT, "--header-file", f"Authorization: Bearer {MARKER}"), 66)
    assert "write the header into a file" in said and MARKER not in said


def test_a_name_in_front_of_the_value_is_refused(sandbox):
    said = refusal(run(sandbox, "connect", "--endpoint", ENDPOINT, "--header", "Authorization",
                       stdin=f"authorization: Bearer {MARKER}".encode()), 78)
    assert "write its value alone" in said and MARKER not in said


def test_a_line_of_an_environment_file_is_read(sandbox):
    connect(sandbox, "--header-file", "-", stdin=f"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer {MARKER}".encode())
    assert settings(sandbox)["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {MARKER}"


def test_a_header_in_plain_text_is_warned_of(sandbox):
    header = {"stdin": f"Bearer {MARKER}".encode()}
    warning = "the header is sent in plain text: write an endpoint with https://"
    assert warning in connect(sandbox, "--header", "Authorization", endpoint="http://collector.example:4318", **header).stderr
    assert warning not in connect(sandbox, "--header", "Authorization", endpoint="http://127.0.0.1:4318", **header).stderr
    assert warning not in connect(sandbox, endpoint="http://collector.example:4318").stderr


def test_content_that_the_settings_send_already_is_named(sandbox):
    own_settings(sandbox, b'{"env": {"OTEL_LOG_USER_PROMPTS": "1"}}')
    assert "texts of sessions are sent, because these are on: OTEL_LOG_USER_PROMPTS" in connect(sandbox).stderr
    assert "texts of sessions" not in connect(sandbox, "--prompts").stderr


# For a fleet


def printed(sandbox, *words):
    result = connect(sandbox, "--scope", "print", "--header", "Authorization", *words, stdin=f'Bearer "{MARKER}\\'.encode())
    assert not sandbox.exists(f"{HOME}/.claude")
    return result.stdout


def test_print_writes_nothing_and_masks_the_secret(sandbox):
    text = printed(sandbox)
    assert MARKER not in text
    assert json.loads(text)["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == "(secret)"


def test_the_forms_of_all_platforms_hold_the_same_settings(sandbox):
    plain = json.loads(printed(sandbox, "--reveal"))
    assert plain["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f'Authorization=Bearer "{MARKER}\\'
    assert plistlib.loads(printed(sandbox, "--reveal", "--form", "plist").encode()) == plain
    header, _, key, value, _ = printed(sandbox, "--reveal", "--form", "reg").split("\r\n")
    assert (header, key) == ("Windows Registry Editor Version 5.00", r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\ClaudeCode]")
    name, _, quoted = value.partition("=")
    assert name == '"Settings"'
    held = json.loads(re.sub(r"\\(.)", r"\1", quoted[1:-1]))
    assert held == {key: each for key, each in plain.items() if key != "hooks"}


def test_help_names_the_flags_of_a_command(sandbox):
    assert sandbox.run("help", "telemetry", "connect").stdout == run(sandbox, "connect", "--help").stdout


@pytest.mark.parametrize("words", [[], ["connect"], ["undo"]])
def test_help_teaches(sandbox, words):
    text = run(sandbox, *words, "--help").stdout
    assert "ostiary telemetry " + " ".join(words) in text
    assert ("--header-file" in text) == (words == ["connect"])


def test_the_commands_of_the_document_work(sandbox):
    sandbox.write("/work/header.txt", f"Authorization: Bearer {MARKER}\n")
    document = (ROOT / "docs" / "telemetry.md").read_text()
    commands = [shlex.split(line) for line in re.findall(r"^    ((?:sudo )?ostiary .*)$", document, re.M)]
    assert [words[-1] if words[0] == "ostiary" else "sudo" for words in commands] == [
        "local", "team=platform", "check", "undo", "sudo", "team=platform"]
    sandbox.script("/opt/container/stack/stack", "echo http://127.0.0.1:4318")
    for words in commands:
        by_root = words[0] == "sudo"
        done = run(sandbox, *words[2 + by_root:], uid=0 if by_root else AGENT, cwd="/work")
        assert done.status == (FAILED if words[-1] in ("local", "check") else 0), done
