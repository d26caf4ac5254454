"""The Helm chart, linted and rendered by the real Helm: what the documents say agrees with itself and with the code.

Not proved here: that a cluster takes them (admission, the operator's ServiceMonitor, the ingress controller's time-outs).
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from kanhuo.config import from_environment
from tests.deploy.helm import CHART, HelmRefusedError, ask

Document = dict[str, Any]

NEEDED: Document = {"public": "https://call.example.com", "existingSecret": "kanhuo-keys"}
EVERYTHING: Document = {
    **NEEDED,
    "image": {"repository": "images.example.com/kanhuo", "tag": "1.2.3", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "images"}],
    "replicas": 5,
    "secretKeys": {"passKey": "k1", "pepper": "k2", "database": "k3", "bus": "k4", "iceServers": "k5"},
    "settings": {
        "passAudience": "shop",
        "shopOrigins": ["https://shop.example.com", "https://m.example.com"],
        "pictureOrigins": ["https://pictures.example.com"],
        "iceServers": [{"urls": ["stun:stun.example.com"]}],
        "connections": 20,
        "messageRate": 12.5,
        "drain": 60,
        "log": "text",
        "traces": "http://collector:4318",
    },
    "service": {"type": "NodePort", "port": 8080, "annotations": {"a": "1"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600"},
        "tlsSecret": "call-tls",
    },
    "autoscaling": {"enabled": True, "min": 3, "max": 9, "cpu": 50},
    "serviceMonitor": {"enabled": True, "interval": "5s", "labels": {"release": "prometheus"}},
    "networkPolicy": {"enabled": True, "from": [{"podSelector": {"matchLabels": {"app": "proxy"}}}]},
    "podLabels": {"team": "calls"},
    "podAnnotations": {"why": "because"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "calls", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
ALWAYS = {"Deployment", "Job", "Service", "PodDisruptionBudget"}
SOMETIMES = {"Ingress", "HorizontalPodAutoscaler", "ServiceMonitor", "NetworkPolicy"}


def rendered(values: Document, **more: Any) -> dict[str, Document]:
    """Render; return the documents by kind."""
    answer = ask(values, **more)
    assert answer["lint"]["errors"] in (None, [])
    assert [m for m in answer["lint"]["messages"] or [] if m["severity"] > 1] == []
    documents = [
        document
        for path, text in answer["files"].items()
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document is not None
    ]
    by_kind = {document["kind"]: document for document in documents}
    assert len(by_kind) == len(documents)
    return by_kind


@pytest.fixture(scope="module", params=["default", "everything"])
def made(request: pytest.FixtureRequest) -> tuple[Document, dict[str, Document]]:
    values = NEEDED if request.param == "default" else EVERYTHING
    return values, rendered(values)


def pod(document: Document) -> Document:
    spec: Document = document["spec"]["template"]["spec"]
    return spec


def variables(document: Document) -> dict[str, Any]:
    (container,) = pod(document)["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert len(names) == len(set(names))
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container["env"]}


def test_each_switch_adds_its_document_and_nothing_else(made: tuple[Document, dict[str, Document]]) -> None:
    values, documents = made
    assert set(documents) == (ALWAYS if values is NEEDED else ALWAYS | SOMETIMES)
    for document in documents.values():
        assert document["metadata"]["name"].startswith("shop-kanhuo")
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == "shop"


def test_an_upgrade_renders_what_an_installation_does() -> None:
    assert rendered(NEEDED, upgrade=True) == rendered(NEEDED)


def test_the_service_finds_the_nodes_and_not_the_migration(made: tuple[Document, dict[str, Document]]) -> None:
    _, documents = made
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    others = documents["Job"]["spec"]["template"]["metadata"]["labels"].items()
    choosers = [
        documents["Deployment"]["spec"]["selector"]["matchLabels"],
        documents["Service"]["spec"]["selector"],
        documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    if "NetworkPolicy" in documents:
        choosers.append(documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"])
    for chooser in choosers:
        assert chooser.items() <= labels
        assert not chooser.items() <= others
    if "ServiceMonitor" in documents:
        monitor = documents["ServiceMonitor"]["spec"]
        assert monitor["selector"]["matchLabels"].items() <= documents["Service"]["metadata"]["labels"].items()


def test_ports_agree_from_the_ingress_to_the_process(made: tuple[Document, dict[str, Document]]) -> None:
    _, documents = made
    (container,) = pod(documents["Deployment"])["containers"]
    (port,) = container["ports"]
    assert port["name"] == "http"
    assert variables(documents["Deployment"])["KANHUO_PORT"] == str(port["containerPort"])
    (service,) = documents["Service"]["spec"]["ports"]
    assert (service["name"], service["targetPort"]) == ("http", "http")
    assert documents["Service"]["spec"]["sessionAffinity"] == "None"
    if "Ingress" in documents:
        spec = documents["Ingress"]["spec"]
        (path,) = spec["rules"][0]["http"]["paths"]
        assert path["backend"]["service"] == {
            "name": documents["Service"]["metadata"]["name"],
            "port": {"name": "http"},
        }
        assert spec["rules"][0]["host"] == "call.example.com"
        assert spec["tls"] == [{"hosts": ["call.example.com"], "secretName": "call-tls"}]
        assert documents["ServiceMonitor"]["spec"]["endpoints"][0]["port"] == "http"
        assert documents["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == "http"
        assert documents["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "shop-kanhuo"
        assert "replicas" not in documents["Deployment"]["spec"]


def test_nobody_is_without_a_node_during_an_upgrade(made: tuple[Document, dict[str, Document]]) -> None:
    values, documents = made
    deployment = documents["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (container,) = pod(documents["Deployment"])["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness", "startup")}
    assert probes["readiness"] == {"path": "/readyz", "port": "http"}
    assert probes["liveness"] == probes["startup"] == {"path": "/healthz", "port": "http"}
    drain = values.get("settings", {}).get("drain", 15)
    assert variables(documents["Deployment"])["KANHUO_DRAIN"] == str(drain)
    assert pod(documents["Deployment"])["terminationGracePeriodSeconds"] == drain + 15
    ready = container["readinessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] < drain / 5, "it is seen before the door is shut"


def test_the_schema_expands_before_the_nodes_start(made: tuple[Document, dict[str, Document]]) -> None:
    _, documents = made
    assert documents["Job"]["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (job,) = pod(documents["Job"])["containers"]
    (node,) = pod(documents["Deployment"])["containers"]
    assert (job["args"], node["args"]) == (["migrate"], ["serve"])
    assert job["image"] == node["image"]
    assert variables(documents["Job"])["KANHUO_DATABASE"] == variables(documents["Deployment"])["KANHUO_DATABASE"]


def test_secrets_come_from_the_secret_and_settings_are_ours(made: tuple[Document, dict[str, Document]]) -> None:
    values, documents = made
    found = variables(documents["Deployment"])
    chart = yaml.safe_load((CHART / "values.yaml").read_text())
    keys = values.get("secretKeys", chart["secretKeys"])
    for name, key in (("PASS_KEY", "passKey"), ("PEPPER", "pepper"), ("DATABASE", "database"), ("BUS", "bus")):
        assert found[f"KANHUO_{name}"] == {"secretKeyRef": {"name": "kanhuo-keys", "key": keys[key]}}
    assert found["KANHUO_NODE"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    plain = {name: value for name, value in found.items() if isinstance(value, str)}
    settings = from_environment(plain)
    fields = {f"KANHUO_{name.upper()}" for name in settings.__dataclass_fields__}
    assert set(found) - fields == {"FORWARDED_ALLOW_IPS"}
    assert settings.public == "https://call.example.com"
    if values is EVERYTHING:
        assert settings.shop_origins == ("https://shop.example.com", "https://m.example.com")
        assert (settings.message_rate, settings.connections, settings.traces) == (12.5, 20, "http://collector:4318")
        assert found["KANHUO_ICE_SERVERS"] == {"secretKeyRef": {"name": "kanhuo-keys", "key": "k5"}}
    else:
        assert json.loads(settings.ice_servers) == []


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_may_do_little(made: tuple[Document, dict[str, Document]], kind: str) -> None:
    _, documents = made
    spec = pod(documents[kind])
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert f"USER {spec['securityContext']['runAsUser']}:" in (CHART.parents[1] / "Dockerfile").read_text()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "a service “kanhuo” would set KANHUO_PORT=tcp://…"
    places = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert variables(documents[kind])["KANHUO_DATA"] in places
    assert {volume["name"] for volume in spec["volumes"] if volume["emptyDir"] == {}} == set(places.values())


def test_the_notes_say_where_it_is() -> None:
    notes = ask(NEEDED)["files"]["kanhuo/templates/NOTES.txt"]
    assert "https://call.example.com" in notes
    assert "deploy/shop-kanhuo -- kanhuo doctor" in notes


def test_a_release_called_kanhuo_has_short_names() -> None:
    assert rendered(NEEDED, name="kanhuo")["Service"]["metadata"]["name"] == "kanhuo"


def test_the_values_keep_to_their_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    checker = jsonschema.Draft7Validator(schema)
    for given in (values, ask(NEEDED)["values"], ask(EVERYTHING)["values"]):
        checker.validate(given)
    assert set(schema["properties"]) - {"global"} == set(values), (
        "every value is in the schema, and the other way round"
    )
    for name, part in schema["properties"].items():
        if part.get("additionalProperties") is False:
            assert set(part["properties"]) == set(values[name]), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"replica": 3},
        {"settings": {"drains": 3}},
        {"settings": {"drain": "soon"}},
        {"ingress": {"host": 5}},
        {"public": "http://call.example.com"},
        {"settings": {"shopOrigins": ["shop.example.com"]}},
    ],
)
def test_values_nobody_knows_are_refused(wrong: Document) -> None:
    with pytest.raises(HelmRefusedError, match="HelmValuesError"):
        ask({**NEEDED, **wrong})


@pytest.mark.parametrize("missing", ["public", "existingSecret"])
def test_what_is_needed_is_asked_for(missing: str) -> None:
    with pytest.raises(HelmRefusedError, match=missing):
        ask({name: value for name, value in NEEDED.items() if name != missing})
