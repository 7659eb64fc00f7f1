"""The plain image: entrypoint, command, one capability, and what its agent can reach."""

import json

import pytest

from support.podman.outcomes import boot_of, outcomes_in, connection_attempts
from support.behaviours import addresses
from support.internet import ALLOWED, UNLISTED
from support.outcomes import AT_ONCE

NAME = "api.example.com"


def test_ostiary_is_the_entrypoint_and_claude_the_command(podman, image):
    config = json.loads(podman.command("image", "inspect", "--format", "{{json .Config}}", image.name))
    assert config["Entrypoint"] == ["ostiary"] and config["Cmd"] == ["claude"]


def test_a_missing_program_is_reported(image, new_container, link):
    done = new_container(image, network=link, env={"OSTIARY_NO_DERIVE": "1"}).wait()
    assert done.status == 64 and "claude" in done.stderr, done


def test_plan_needs_no_capability(image, new_container):
    done = new_container(image, "plan", "--json", capabilities=()).wait()
    assert done.status == 0 and json.loads(done.stdout)["agent"]["command"] == ["claude"], done


def test_one_capability_is_enough_for_the_gate_and_its_self_test(image, new_container, internet, link):
    internet.upstream.name(NAME, addresses(ALLOWED[4]))
    script = connection_attempts(("allowed", NAME, 443), ("another-port", NAME, 444), ("unlisted-name", "unlisted.example.org", 443),
                                 ("unlisted-address", UNLISTED[4], 443))
    container = new_container(image, "run", "--no-derive", "--user", "1000:1000", "--allow", NAME, "--",
                              "bash", "-c", script, network=link)
    done = container.wait()
    assert done.status == 0, done
    attempts, held = boot_of(done)
    assert attempts > 20 and held > 20, done
    assert outcomes_in(done.stdout) == {
        "allowed": True, "another-port": False, "unlisted-name": False, "unlisted-address": False}, done
    assert all(float(line.split()[2]) < AT_ONCE for line in done.stdout.splitlines()), done
    assert internet.stray_packets((ALLOWED[4], 443)) == []
    assert internet.upstream.names() == {NAME}
    assert container.audit("deny", name="unlisted.example.org")


def test_without_the_capability_the_boot_ends_and_names_the_flag(image, new_container, link):
    done = new_container(image, "true", network=link, capabilities=()).wait()
    assert done.status == 77 and done.stdout == "", done
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 1 and errors[0].endswith("run the container with --cap-add=NET_ADMIN"), done


def test_the_container_ends_with_the_agents_status(image, new_container, link):
    assert new_container(image, "run", "--no-derive", "--", "sh", "-c", "exit 7", network=link).wait().status == 7


@pytest.mark.parametrize("agent, status", [("trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 0.05; done", 9),
                                           ("echo ready; exec sleep 600", 143)], ids=["heeds it", "dies of it"])
def test_stopping_the_container_sends_the_agent_sigterm(image, new_container, link, agent, status):
    container = new_container(image, "run", "--no-derive", "--", "bash", "-c", agent, network=link)
    container.wait_for_line("ready")
    container.stop(seconds=30)
    done = container.wait()
    assert done.status == status, done
    assert ("told" in done.stdout) == (status == 9), done
