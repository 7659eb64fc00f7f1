"""The agent's environment: the container's, without the variables that ostiary consumes, plus
telemetry."""

import os
import resource

import pytest

from support.telemetry import COLLECTOR, GRPC, TRIO, telemetry_variables

LOGIN = {b"HOME", b"USER", b"LOGNAME", b"SHELL"}
ODD = [
    b"PATH=/opt/bin:/usr/bin",
    b"EMPTY=",
    b"LINES=one\ntwo\n\n",
    b"BYTES=\xff\xfe\x80",
    b"EQUALS==a=b=",
    b"lower.case-and/odd name=1",
    b"SPACES=  a  b  ",
    b"QUOTES='\"`$(id)\\",
    b"ESCAPE=\x1b[31m",
    b"LONG=" + b"x" * 100_000,
    b"TERM=xterm",
    b"LANG=C.UTF-8",
    b"NOT_OSTIARY_USER=1",
    b"GRAFANA_URL=https://grafana.example",
    b"ANTHROPIC_API_KEY=sk-ant-x",
]


def raw_environment(sandbox, env, *flags):
    result = sandbox.boot("cat", "/proc/self/environ", env=env, flags=flags)
    assert result.status == 0, result
    return [entry for entry in result.out.split(b"\0") if entry]


@pytest.mark.parametrize("flags", [[], ["--user", "agent"]], ids=["root", "agent"])
def test_the_agent_gets_the_containers_environment_byte_for_byte(sandbox, flags):
    agent = raw_environment(sandbox, ODD, *flags)
    assert [entry for entry in ODD if entry not in agent] == []
    assert [entry for entry in agent if entry not in ODD and entry.partition(b"=")[0] not in LOGIN] == []


def test_the_variables_keep_their_order(sandbox):
    agent = raw_environment(sandbox, ODD)
    assert [entry for entry in agent if entry in ODD] == ODD


def test_the_agent_does_not_get_consumed_variables(sandbox):
    sandbox.write("/work/token", TRIO["GRAFANA_API_TOKEN"])
    env = TRIO | {"OSTIARY_GRACE": "5", "OSTIARY_LOG_LEVEL": "warn", "OSTIARY_USER": "agent"}
    env["GRAFANA_API_TOKEN_FILE"] = "/work/token"
    del env["GRAFANA_API_TOKEN"]
    agent = sandbox.agent_environment(env=env)
    assert [name for name in agent if name.startswith(("GRAFANA_", "OSTIARY_")) or name.endswith("_FILE")] == []


def test_a_consumed_variable_that_is_set_twice_is_removed_twice(sandbox):
    env = [b"PATH=/usr/bin", b"GRAFANA_API_TOKEN=a", b"GRAFANA_API_TOKEN=b", b"OSTIARY_USER=agent",
           b"OSTIARY_USER=agent"]
    result = sandbox.boot("cat", "/proc/self/environ", env=env)
    assert b"GRAFANA" not in result.out and b"OSTIARY" not in result.out


def test_the_agent_has_the_containers_umask_and_limits(sandbox):
    def unusual():
        os.umask(0o027)
        resource.setrlimit(resource.RLIMIT_CORE, (4096, 8192))
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
    show = ["sh", "-c", "umask; cat /proc/self/limits"]
    assert sandbox.boot(*show, prepare=unusual).out == sandbox.launch(*show, prepare=unusual).wait().out


def test_each_variable_is_set_once(sandbox):
    own = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOG_USER_PROMPTS": "0", "HOME": "/elsewhere", "USER": "x",
           "OTEL_RESOURCE_ATTRIBUTES": "a=b"}
    for env in (TRIO, COLLECTOR, GRPC):
        entries = raw_environment(sandbox, [b"PATH=/usr/bin", *(f"{k}={v}".encode() for k, v in (env | own).items())],
                                  "--user", "agent")
        names = [entry.partition(b"=")[0] for entry in entries]
        assert sorted(names) == sorted(set(names))


def test_telemetry_changes_no_other_variable(sandbox):
    plain, with_telemetry = sandbox.agent_environment(), sandbox.agent_environment(env=TRIO)
    assert with_telemetry == plain | telemetry_variables(with_telemetry)
