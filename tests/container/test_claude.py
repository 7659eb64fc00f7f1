"""The image with Claude Code: its version and its user. Other tests run it under ostiary."""

import json
import re
from pathlib import Path

from support.project import ROOT


def test_claude_code_of_the_pinned_version_runs_as_the_agent(images, new_container, link):
    pinned, = re.findall(r"^ARG CLAUDE_CODE_VERSION=(\d+\.\d+\.\d+)$", (ROOT / "container/Dockerfile").read_text(), re.M)
    container = new_container(images.build("claude"), "claude", "--version", network=link,
                              env={"OSTIARY_NO_DERIVE": "1"})
    done = container.wait()
    assert done.status == 0 and done.stdout.split()[0] == pinned, done
    assert [event["user"] for event in container.audit("boot")] == ["agent"]


def test_the_agent_is_not_root_and_can_write_in_its_work_directory(images, new_container, link):
    done = new_container(images.build("claude"), "run", "--no-derive", "--", "sh", "-c",
                         'id -u; pwd; echo "$HOME"; touch here && rm here; ! touch /usr/local/bin/here', network=link).wait()
    assert done.status == 0 and done.stdout.split() == ["1000", "/work", "/home/agent"], done


def test_the_image_contains_neither_node_nor_npm(images, podman):
    root = podman.command("image", "mount", images.build("claude").name)
    try:
        for program in ("node", "nodejs", "npm"):
            assert not any(Path(root, folder, program).exists() for folder in ("usr/bin", "usr/local/bin"))
    finally:
        podman.command("image", "unmount", images.build("claude").name)


def test_the_image_sets_no_secrets(images, podman):
    config = json.loads(podman.command("image", "inspect", "--format", "{{json .Config}}", images.build("claude").name))
    assert {entry.partition("=")[0] for entry in config["Env"]} == {"PATH", "OSTIARY_USER", "DISABLE_AUTOUPDATER"}
