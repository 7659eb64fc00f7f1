"""container/collector/kubernetes.yaml: it follows Kubernetes' schema, takes the least privileges, and agrees with the
configuration that it runs."""

import re
import subprocess

import pytest
import yaml

from observability.collecting import FILES
from support.otelcol import BUILT
from support.project import ROOT

MANIFEST = FILES / "kubernetes.yaml"
OBJECTS = list(yaml.safe_load_all(MANIFEST.read_text()))
PAGE = (ROOT / "docs" / "collector.md").read_text()


def the(kind, name="collector"):
    found, = [each for each in OBJECTS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


POD = the("StatefulSet")["spec"]["template"]
CONTAINER, = POD["spec"]["containers"]


def test_it_follows_the_schema():
    program = BUILT.parent / "venv" / "bin" / "kubernetes-validate"
    if not program.exists():
        pytest.skip("there is no kubernetes-validate: run tests/observability/build")
    done = subprocess.run([program, "--strict", "--kubernetes-version", "1.33", MANIFEST], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "error" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


def test_the_pod_passes_the_restricted_profile():
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    assert the("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, own = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert {next(iter(volume.keys() - {"name"})) for volume in POD["spec"]["volumes"]} == {"configMap", "secret"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD["spec"])


def test_its_ports_paths_and_version_are_those_of_the_configuration():
    defaults = dict(re.findall(r"\$\{env:(\w+):-([^}]*)\}", (FILES / "receive.yaml").read_text()))
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {name: int(defaults[f"COLLECTOR_{name.upper()}"].rpartition(":")[2]) for name in ("grpc", "http", "health")}
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    claim, = the("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert mounts[defaults["COLLECTOR_QUEUE"]] == claim["metadata"]["name"]
    for name in ("TOKENS", "CERTIFICATE", "KEY", "CLIENT_AUTHORITY"):
        assert defaults[f"COLLECTOR_{name}"].rpartition("/")[0] in mounts
    compose = yaml.safe_load((FILES / "compose.yaml").read_text())["services"]["to-s3"]
    assert CONTAINER["image"] == compose["image"] and CONTAINER["args"] == compose["command"]
    # Three signals, each with a queue of a gibibyte.
    octets = int(re.search(r"COLLECTOR_QUEUE_OCTETS:-(\d+)", (FILES / "to-s3.yaml").read_text())[1])
    assert int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) << 30 > 3 * octets


def test_every_object_selects_the_pods_and_the_page_makes_what_they_name():
    labels = POD["metadata"]["labels"]
    selectors = [the("Service")["spec"]["selector"], the("Service", "collectors")["spec"]["selector"],
                 *(the(kind)["spec"][key]["matchLabels"] for kind, key in (
                     ("StatefulSet", "selector"), ("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")))]
    assert all(selector == labels for selector in selectors)
    scaled = the("HorizontalPodAutoscaler")["spec"]
    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "collector"}
    assert the("StatefulSet")["spec"]["serviceName"] == "collectors" and "replicas" not in the("StatefulSet")["spec"]
    assert scaled["minReplicas"] > the("PodDisruptionBudget")["spec"]["maxUnavailable"]
    made = dict(re.findall(r"create (?:configmap|secret generic) (\w+) (.*)$", PAGE, re.M))
    named = {volume[kind][key] for volume in POD["spec"]["volumes"] for kind, key in (("configMap", "name"), ("secret", "secretName"))
             if kind in volume} | {source["configMapRef"]["name"] for source in CONTAINER["envFrom"]}
    assert set(made) == named
    for words in made.values():
        for path in re.findall(r"--from-(?:env-)?file=(\S+)", words):
            assert (FILES / path).exists() or path.startswith("secrets/"), path
