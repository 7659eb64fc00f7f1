"""container/kubernetes/pod.yaml with podman: the minimal securityContext, a policy from a
ConfigMap, secrets from a Secret, the pod's attributes, and fast answers for search lists."""

import json

import pytest

from support.podman.outcomes import outcomes_in, connection_attempts
from support.podman.platforms import CONTAINER, Pod, agent_image
from support.behaviours import addresses
from support.internet import ALLOWED, ANOTHER, RESOLVER, UNLISTED
from support.outcomes import TRIED_AGAIN
from support.telemetry import TRIO
from support.waiting import eventually

COLLECTOR = "otlp.example.com"
SECRETS = {**TRIO, "ANTHROPIC_API_KEY": "sk-ant-api03-pod", "GRAFANA_OTLP_ENDPOINT": f"https://{COLLECTOR}/otlp"}
FIELDS = {"metadata.name": "agent-0", "metadata.namespace": "agents", "metadata.uid": "0b1c2d3e-1111-4222-8333-444455556666",
          "spec.nodeName": "node-a"}
SEARCH = "agents.svc.cluster.local svc.cluster.local cluster.local corp.example"


@pytest.fixture
def agents(images):
    return agent_image(images)


@pytest.fixture
def pod(agents, podman, tmp_path):
    """A pod whose init container has run."""
    tmp_path.chmod(0o755)
    made = Pod(CONTAINER / "kubernetes" / "pod.yaml", tmp_path, SECRETS, FIELDS)
    (tmp_path / "resolv.conf").write_text(f"search {SEARCH}\nnameserver {RESOLVER[4]}\noptions ndots:5\n")
    made.resolver = ["--volume", f"{tmp_path / 'resolv.conf'}:/etc/resolv.conf:ro"]
    options, command = made.init()
    podman.command("run", "--rm", "--network", "none", *options, agents.name, *command)
    return made


@pytest.fixture
def start(agents, pod, new_container, link):
    def start(*command, without=()):
        options, args = pod.main(without)
        return new_container(agents, *(command or args), network=link, capabilities=(), options=[*options, *pod.resolver])
    return start


def wait_until_up(container):
    return eventually(lambda: container.exec("ostiary", "status").status == 0, f"it is up: {container.logs()}")


def test_a_console_is_behind_the_gate_and_the_collector_is_the_relays(start, internet):
    for name, address in {"api.anthropic.com": ALLOWED[4], COLLECTOR: ANOTHER[4]}.items():
        internet.upstream.name(name, addresses(address))
    container = start()
    wait_until_up(container)
    script = connection_attempts(("api", "api.anthropic.com", 443), ("collector", COLLECTOR, 443), ("cluster", "10.96.0.1", 443),
                                 ("unlisted-address", UNLISTED[4], 443))
    script += 'id -un; pwd; echo "key ${#ANTHROPIC_API_KEY}"; touch ~/x /work/x /tmp/x && echo mine; cat /run/secrets/*\n'
    done = container.exec("ostiary", "exec", "--", "bash", "-c", script)
    assert outcomes_in(done.stdout) == {"api": True, "collector": False, "cluster": False, "unlisted-address": False}, done
    assert done.stdout.splitlines()[-4:] == ["agent", "/work", f"key {len(SECRETS['ANTHROPIC_API_KEY'])}", "mine"], done
    settings = json.loads(container.exec("sh", "-c", "cat /etc/claude-code/managed-settings.d/*").stdout)
    assert settings["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:15354", settings
    assert TRIO["GRAFANA_API_TOKEN"] not in container.exec("ostiary", "exec", "--", "env").stdout
    attributes = container.exec("sh", "-c", "ostiary env | grep OTEL_RESOURCE_ATTRIBUTES").stdout
    for key, field in {"k8s.pod.name": "metadata.name", "k8s.namespace.name": "metadata.namespace",
                       "k8s.pod.uid": "metadata.uid", "k8s.node.name": "spec.nodeName"}.items():
        assert f"{key}={FIELDS[field]}" in attributes, attributes


def test_a_shell_in_the_pod_is_behind_the_gate_too(start, internet):
    container = start()
    wait_until_up(container)
    done = container.exec("bash", "-c", connection_attempts(("unlisted", UNLISTED[4], 443)))
    assert outcomes_in(done.stdout) == {"unlisted": False}, done


def test_search_lists_are_answered_at_once_and_not_sent_upstream(start, internet):
    internet.upstream.name("api.anthropic.com", addresses(ALLOWED[4]))
    container = start()
    wait_until_up(container)
    internet.forget()
    done = container.exec("ostiary", "exec", "--", "sh", "-c", "date +%s%N; getent ahostsv4 api.anthropic.com; date +%s%N")
    first, *found, last = done.stdout.splitlines()
    assert found and all(line.startswith(ALLOWED[4]) for line in found), done
    assert (int(last) - int(first)) / 1e9 < TRIED_AGAIN, done
    assert internet.upstream.names() <= {"api.anthropic.com"}
    denied = {event["name"] for event in container.audit("deny", kind="name")}
    assert {f"api.anthropic.com.{domain}" for domain in SEARCH.split()} <= denied


@pytest.mark.parametrize("capability", ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP"])
def test_without_one_of_its_capabilities_there_is_no_agent(start, capability):
    done = start("echo", "started", without=[capability]).wait()
    assert done.status not in (0, 125, 126, 127) and "started" not in done.stdout, done


@pytest.mark.parametrize("without, reported", [([], True), (["KILL"], False)], ids=["KILL", "without"])
def test_the_agent_gets_sigterm_only_with_the_kill_capability(start, without, reported):
    container = start("bash", "-c", "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done", without=without)
    container.wait_for_line("ready")
    container.stop(seconds=3)
    assert ("told" in container.logs().stdout) == reported
