"""The command, its table, its JSON and its plots."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from kanhuo.simulation.cli import simulate


def test_the_server_loads_neither_simpy_nor_matplotlib() -> None:
    asked = "import sys, kanhuo.cli; print([m for m in ('simpy', 'numpy', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_table_of_four_scales() -> None:
    told = CliRunner().invoke(simulate, ["scale", "--plan-only"]).output
    assert "1,000,000" in told
    assert "nodes in a cell" in told
    assert told != CliRunner().invoke(simulate, ["scale", "--plan-only", "--talk", "30"]).output


def test_the_page_shows_the_tables_as_the_command_prints_them() -> None:
    page = (Path(__file__).parents[2] / "docs/scale.md").read_text()
    told = CliRunner().invoke(simulate, ["scale", "--plan-only"]).output
    assert [line for line in told.splitlines() if line and f"    {line}" not in page] == []


def test_everything_for_machines_and_drawn(tmp_path: Path) -> None:
    done = CliRunner().invoke(simulate, ["scale", "--json", "--hurry", "20", "--plots", str(tmp_path), "--png"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["agents"] for one in told["as it is"]] == [1_000, 10_000, 100_000, 1_000_000]
    assert {"peak", "drain", "day"} < told["simulated"].keys()
    names = {"limits", "causes", "peak", "ring", "day", "sizes", "storm"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.{kind}" for n in names for kind in ("svg", "png")}
