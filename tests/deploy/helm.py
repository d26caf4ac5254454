"""The real Helm, asked in a process of its own: its engine (Helm's Go SDK) comes as a library in helm-python-sdk from PyPI.

Read from standard input: {"chart": folder, "values": {…} or null, "name": …, "namespace": …, "upgrade": bool}. Printed: what
``helm lint --strict`` finds and the documents that ``helm template`` makes, or why it refuses.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[2] / "deploy/helm/kanhuo"


class HelmRefusedError(Exception):
    """Helm says no."""


def ask(values: dict[str, Any], *, name: str = "shop", upgrade: bool = False) -> dict[str, Any]:
    """Lint and render the chart with these values over its own; return what Helm says."""
    wanted = {"chart": str(CHART), "values": values, "name": name, "namespace": "calls", "upgrade": upgrade}
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(wanted), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"install helm-python-sdk, jsonschema and PyYAML from PyPI\n{done.stderr}"
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refused" in answer:
        raise HelmRefusedError(answer["refused"])
    return answer


def _main() -> None:
    import helm_python  # noqa: PLC0415 - it brings a runtime of its own, which the tests' process is spared

    wanted = json.load(sys.stdin)
    try:
        report = helm_python.lint(wanted["chart"], wanted["values"], strict=True)
        with helm_python.Chart.load(wanted["chart"]) as chart:
            chart.validate_schema(wanted["values"])
            files = chart.render(
                wanted["values"],
                name=wanted["name"],
                namespace=wanted["namespace"],
                is_install=not wanted["upgrade"],
                is_upgrade=wanted["upgrade"],
            )
            merged = chart.merge_values(wanted["values"])
    except helm_python.HelmError as refusal:
        print(json.dumps({"refused": f"{type(refusal).__name__}: {refusal}"}))  # noqa: T201
        return
    version = helm_python.helm_sdk_version()
    print(json.dumps({"version": version, "lint": report, "files": files, "values": merged}))  # noqa: T201


if __name__ == "__main__":
    _main()
