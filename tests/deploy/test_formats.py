"""Kubernetes' own schemas and the Compose specification take our files, and would not take wrong ones.

The schemas are of kubernetes-validate, the specification is compose-spec's, both from PyPI. A ServiceMonitor belongs to the
Prometheus operator, of which no schema is at hand: test_chart.py sees that it names what exists.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from compose_spec import PyCompose

from tests.deploy.helm import CHART
from tests.deploy.test_chart import EVERYTHING, NEEDED, rendered

OLDEST = re.findall(r"^kubeVersion: .>=(\d+\.\d+)", (CHART / "Chart.yaml").read_text(), re.MULTILINE)[0]
NEWEST = ".".join(kubernetes_validate.latest_version().split(".")[:2])
FOREIGN = {"ServiceMonitor"}


@pytest.fixture(scope="module", params=["default", "everything"])
def documents(request: pytest.FixtureRequest) -> dict[str, Any]:
    return rendered(NEEDED if request.param == "default" else EVERYTHING)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_document(documents: dict[str, Any], version: str) -> None:
    ours = [document for kind, document in documents.items() if kind not in FOREIGN]
    assert len(ours) >= 4
    for document in ours:
        assert kubernetes_validate.validate(document, version, strict=True) == version


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replica"), 3),
        (("spec", "strategy", "type"), 1),
        (("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"), "8000"),
        (("spec", "template", "spec", "containers", 0, "readinessProbe", "httpGet"), {"path": "/readyz"}),
        (("spec", "template", "spec", "containers", 0, "env", 0, "value"), 1),
    ],
)
def test_kubernetes_refuses_what_is_wrong(documents: dict[str, Any], path: tuple[Any, ...], value: object) -> None:
    wrong = _with(documents["Deployment"], path, value)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (CHART.parents[1] / "compose.yaml").read_text()
    filled = re.sub(r"\$\{\w+(?::\?[^}]*|:-([^}]*))?\}", lambda match: match[1] or "given", text)
    loaded: dict[str, Any] = yaml.safe_load(filled)
    return loaded


def test_compose_takes_the_file(compose: dict[str, Any]) -> None:
    read = PyCompose.from_json(json.dumps(compose))
    assert set(read.service_names()) == {"postgres", "redis", "migrate", "node-1", "node-2", "proxy"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "node-1", "stop_grace_perod"), "30s"),
        (("services", "node-1", "stop_grace_period"), "soon"),
        (("services", "node-1", "restart"), "sometimes"),
        (("services", "node-1", "depends_on", "postgres"), {"condition": "healthy"}),
        (("services", "proxy", "ports"), ["8080:a:b:c"]),
    ],
)
def test_compose_refuses_what_is_wrong(compose: dict[str, Any], path: tuple[Any, ...], value: object) -> None:
    with pytest.raises(ValueError, match="at line"):
        PyCompose.from_json(json.dumps(_with(compose, path, value)))


def _with(document: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Return a copy in which one place has another value."""
    changed = copy.deepcopy(document)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed
