"""The documents' statements about images are correct."""

import json
import re

import pytest

from support.podman.images import NAMES
from support.project import ROOT

README, CONTAINER = ROOT / "README.md", ROOT / "docs" / "container.md"
BUILD = re.compile(r"^    docker build -f container/Dockerfile(?: --target (\w+))? -t (\S+) \.$", re.M)


def test_the_documented_build_commands_are_tested():
    assert {(target, tag) for target, tag in BUILD.findall(CONTAINER.read_text())} == set(NAMES.items())
    assert BUILD.findall(README.read_text()) == [("", NAMES["claude"])]
    stages = re.findall(r"^FROM .* AS (\w+)$", (ROOT / "container" / "Dockerfile").read_text(), re.M)
    assert stages[-1] == "claude"  # the default


def test_the_build_arguments_are_documented():
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]+?)`? \|", CONTAINER.read_text(), re.M))
    taken = dict(re.findall(r"^ARG (\w+)=(.*)$", (ROOT / "container" / "Dockerfile").read_text(), re.M))
    assert listed.keys() == taken.keys() and listed["DEBIAN"] == taken["DEBIAN"]


@pytest.fixture(scope="module")
def readmes(images, scratch):
    """The image of the README, with its policy."""
    text = README.read_text()
    dockerfile, = re.findall(r"^```dockerfile\n(.*?)^```$", text, re.M | re.S)
    policy, = re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S)
    context = scratch / "readme"
    context.mkdir()
    (context / "policy.json").write_text(policy)
    return images.derive(dockerfile, context, claude=images.build("claude"))


def test_the_readmes_image_plans_what_its_policy_says(readmes, new_container):
    done = new_container(readmes, "plan", "--json").wait()
    assert done.status == 0, done
    plan = json.loads(done.stdout)
    assert plan["agent"]["command"] == ["claude"] and plan["agent"]["user"] == "agent" and plan["agent"]["workdir"] == "/work"
    assert {"api.anthropic.com", "github.com", "registry.example.com"} <= {rule["host"] for rule in plan["rules"]}
