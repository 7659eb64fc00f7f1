"""container/collector/kubernetes.yaml and kubernetes-nodes.yaml: they follow Kubernetes' schema, take the least privileges, and
agree with the configurations that they run."""

import re
import subprocess

import pytest
import yaml

from observability.collecting import FILES
from support.otelcol import BUILT
from support.project import ROOT

PAGE = (ROOT / "docs" / "collector.md").read_text()


class Manifest:
    """The objects of a file, which has one workload."""

    def __init__(self, name, workload, kind):
        self.path, self.kind = FILES / name, kind
        self.objects = list(yaml.safe_load_all(self.path.read_text()))
        self.workload, = [each for each in self.objects if each["kind"] == workload]
        self.pod = self.workload["spec"]["template"]["spec"]
        self.labels = self.workload["spec"]["template"]["metadata"]["labels"]
        self.container, = self.pod["containers"]
        self.env = {each["name"]: each["value"] for each in self.container["env"]}

    def the(self, kind, name="collector"):
        found, = [each for each in self.objects if each["kind"] == kind and each["metadata"]["name"] == name]
        return found

    def setting(self, name):
        """The value in the container, if the settings of common.env leave it at its default."""
        texts = "".join((FILES / each).read_text() for each in ("receive.yaml", f"{self.kind}.yaml"))
        return self.env.get(name) or dict(re.findall(r"\$\{env:(\w+):-([^}]*)\}", texts))[name]

    def volumes(self):
        """How large each volume is that holds more than files of the API, in octets."""
        claims = {each["metadata"]["name"]: each["spec"]["resources"]["requests"]["storage"]
                  for each in self.workload["spec"].get("volumeClaimTemplates", [])}
        kept = {each["name"]: each["emptyDir"]["sizeLimit"] for each in self.pod["volumes"] if "emptyDir" in each}
        return {name: int(size.removesuffix("Gi")) << 30 for name, size in (claims | kept).items()}


CENTRAL = Manifest("kubernetes.yaml", "StatefulSet", "to-s3")
NODES = Manifest("kubernetes-nodes.yaml", "DaemonSet", "to-otlp")
each_manifest = pytest.mark.parametrize("manifest", [CENTRAL, NODES], ids=["central", "nodes"])


@each_manifest
def test_it_follows_the_schema(manifest):
    program = BUILT.parent / "venv" / "bin" / "kubernetes-validate"
    if not program.exists():
        pytest.skip("there is no kubernetes-validate: run tests/observability/build")
    done = subprocess.run([program, "--strict", "--kubernetes-version", "1.33", manifest.path], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and "error" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


@pytest.mark.plain
@each_manifest
def test_the_pod_passes_the_restricted_profile(manifest):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod, own = manifest.pod["securityContext"], manifest.container["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert manifest.pod["automountServiceAccountToken"] is False
    assert {next(iter(volume.keys() - {"name"})) for volume in manifest.pod["volumes"]} <= {"configMap", "secret", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(manifest.pod)
    assert not any("hostPort" in port for port in manifest.container["ports"])
    assert all(each.get("metadata", {}).get("namespace", "collector") == "collector" for each in manifest.objects)
    assert CENTRAL.the("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.plain
@each_manifest
def test_its_ports_paths_and_version_are_those_of_the_configuration(manifest):
    container = manifest.container
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {name: int(manifest.setting(f"COLLECTOR_{name.upper()}").rpartition(":")[2]) for name in ("grpc", "http", "health")}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    (queue, octets), = manifest.volumes().items()
    assert mounts[manifest.setting("COLLECTOR_QUEUE")] == queue
    assert octets > 3 * int(manifest.setting("COLLECTOR_QUEUE_OCTETS"))  # a queue for each signal
    paths = [manifest.setting(f"COLLECTOR_{name}") for name in ("TOKENS", "TEAMS", "CERTIFICATE", "KEY", "CLIENT_AUTHORITY")]
    assert all(path.rpartition("/")[0] in mounts for path in [*paths, *filter(re.compile("/run/").match, manifest.env.values())])
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi").replace("1Gi", "1024"))
    assert limit >= 2 * int(manifest.setting("COLLECTOR_MEMORY_MIB"))
    compose = yaml.safe_load((FILES / "compose.yaml").read_text())["services"][manifest.kind]
    assert container["image"] == compose["image"] and container["args"] == compose["command"]
    assert set(manifest.env) - {"AWS_SHARED_CREDENTIALS_FILE", "SSL_CERT_FILE"} <= set(
        re.findall(r"^#?(\w+)=", "".join((FILES / f"{name}.env").read_text() for name in ("common", manifest.kind)), re.M))


@pytest.mark.plain
@each_manifest
def test_the_page_makes_what_it_names(manifest):
    made = dict(re.findall(r"create (?:configmap|secret generic) ([\w-]+) (.*)$", PAGE, re.M))
    volumes = {volume["name"]: volume[kind][key] for volume in manifest.pod["volumes"]
               for kind, key in (("configMap", "name"), ("secret", "secretName")) if kind in volume}
    settings, = [source["configMapRef"]["name"] for source in manifest.container["envFrom"]]
    files = {name: dict((path.rpartition("/")[2], path) if "=" not in path else path.split("=")
                        for path in re.findall(r"--from-(?:env-)?file=(\S+)", made[name]))
             for name in (*volumes.values(), settings)}
    for path in (path for each in files.values() for path in each.values()):
        assert (FILES / path).exists() or path.startswith("secrets/"), path
    assert set(files[volumes["configuration"]]) == {word.rpartition("/")[2] for word in manifest.container["args"]}
    needed = [manifest.setting(f"COLLECTOR_{name}") for name in ("TOKENS", "CERTIFICATE", "KEY")]
    needed += [value for value in manifest.env.values() if value.startswith("/run/secrets/")]
    needed += [manifest.setting("OTLP_TOKEN")] if manifest is NODES else []
    assert set(files[volumes["secrets"]]) == {path.removeprefix("/run/secrets/") for path in needed}


@pytest.mark.plain
def test_the_documented_commands_make_the_secrets_of_the_nodes(tmp_path):
    commands, = re.findall(r"\n((?:    (?:openssl|cat) .*\n(?:      .*\n)*)+)", PAGE)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "tokens").write_text("of-the-agents\n")
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True, capture_output=True)
    tokens = (tmp_path / "secrets" / "tokens").read_text().splitlines()
    assert tokens == ["of-the-agents", (tmp_path / "secrets" / "backend-token").read_text().strip()] and len(tokens[1]) == 64
    name = f"{NODES.the('Service', 'node-collector')['metadata']['name']}.collector.svc.cluster.local"
    done = subprocess.run(["openssl", "x509", "-in", tmp_path / "secrets" / "node.pem", "-noout", "-checkhost", name],
                          capture_output=True, text=True, check=True)
    assert "does match" in done.stdout and f"https://{name}:4318" in PAGE
    assert (tmp_path / "secrets" / "node.key").exists()


@pytest.mark.plain
def test_the_objects_of_the_central_collectors_select_their_pods():
    the = CENTRAL.the
    selectors = [the("Service")["spec"]["selector"], the("Service", "collectors")["spec"]["selector"],
                 *(the(kind)["spec"][key]["matchLabels"] for kind, key in (
                     ("StatefulSet", "selector"), ("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")))]
    assert all(selector == CENTRAL.labels for selector in selectors)
    scaled = the("HorizontalPodAutoscaler")["spec"]
    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "collector"}
    assert the("StatefulSet")["spec"]["serviceName"] == "collectors" and "replicas" not in the("StatefulSet")["spec"]
    assert scaled["minReplicas"] > the("PodDisruptionBudget")["spec"]["maxUnavailable"]


@pytest.mark.plain
def test_the_collectors_of_the_nodes_reach_only_the_central_ones():
    the = NODES.the
    assert the("DaemonSet", "node-collector")["spec"]["selector"]["matchLabels"] == NODES.labels != CENTRAL.labels
    service = the("Service", "node-collector")["spec"]
    assert service["selector"] == NODES.labels and service["internalTrafficPolicy"] == "Local"
    own, added = the("NetworkPolicy", "node-collector")["spec"], the("NetworkPolicy", "collector-from-nodes")["spec"]
    assert own["podSelector"]["matchLabels"] == NODES.labels and added["podSelector"]["matchLabels"] == CENTRAL.labels
    dns, to_central = own["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert to_central["to"] == [{"podSelector": {"matchLabels": CENTRAL.labels}}]
    assert added["ingress"] == [{"from": [{"podSelector": {"matchLabels": NODES.labels}}], "ports": to_central["ports"]}]
    name, port = re.fullmatch(r"https://([\w-]+)\.collector\.svc\.cluster\.local:(\d+)", NODES.env["OTLP_GRPC_ENDPOINT"]).groups()
    target, = [each["targetPort"] for each in CENTRAL.the("Service", name)["spec"]["ports"] if each["port"] == int(port)]
    assert to_central["ports"] == [{"protocol": "TCP", "port": target}]
    # A pod that ends has time to deliver a batch, and then to end.
    pause = NODES.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert int(NODES.env["COLLECTOR_BATCH_TIME"].removesuffix("s")) < pause < NODES.pod["terminationGracePeriodSeconds"] / 2
