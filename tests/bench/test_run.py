"""Every bench still runs and says what it measured; the figures themselves are nobody's test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BESIDE_PEERS = {
    f"cpu_ms_per_1000{rate}_over_{peer}" for rate in ("", "_at_2000_per_s") for peer in ("peerserver", "node_ws")
}
AIMS = {
    "calls": {"lifecycles_per_s", "ring_ms_p99_at_100_per_s"},
    "relay": BESIDE_PEERS,
    "idle": {"kib_per_connection"},
    "availability": {"requests_per_core_s"},
    "fanout": set(),
    "chaos": {"faults"},
    "reach": {"reached_within_10_s"},
    "first-frame": {"accept_to_first_frame_ms_median"},
}


def run(bench: str) -> dict[str, Any]:
    done = subprocess.run(
        [ROOT / "bench/run", bench, "--short", "--json"], capture_output=True, text=True, timeout=100, check=True
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("bench", AIMS)
def test_a_bench_prints_one_object_with_its_figures_and_aims(bench: str) -> None:
    said = run(bench)
    assert said.keys() == {"bench", "machine", "figures", "aims"}
    assert said["bench"] == bench
    assert all(isinstance(value, int | float) and value >= 0 for value in said["figures"].values())
    assert said["aims"].keys() == AIMS[bench]
    for name, aim in said["aims"].items():
        assert aim.keys() == {"value", "aim", "holds"}
        assert aim["value"] == said["figures"][name]


def test_the_lock_of_the_peers_names_no_registry() -> None:
    lock = json.loads((ROOT / "bench/peers/package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages)
