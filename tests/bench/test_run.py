"""Every bench still runs and says what it measured; the figures themselves are nobody's test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AIMS = {
    "calls": {"lifecycles_per_s", "ring_ms_p99_at_100_per_s"},
    "relay": set(),
    "idle": {"kib_per_connection"},
    "first-frame": {"accept_to_first_frame_ms_median"},
}


@pytest.mark.parametrize("bench", AIMS)
def test_a_bench_prints_one_object_with_its_figures_and_aims(bench: str) -> None:
    run = subprocess.run(
        [ROOT / "bench/run", bench, "--short", "--json"], capture_output=True, text=True, timeout=100, check=True
    )
    said = json.loads(run.stdout)
    assert said.keys() == {"bench", "machine", "figures", "aims"}
    assert said["bench"] == bench
    assert all(isinstance(value, int | float) and value >= 0 for value in said["figures"].values())
    assert said["aims"].keys() == AIMS[bench]
    for name, aim in said["aims"].items():
        assert aim.keys() == {"value", "aim", "holds"}
        assert aim["value"] == said["figures"][name]
