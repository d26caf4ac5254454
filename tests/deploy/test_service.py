"""kanhuo.service, by which systemd keeps one process running, agrees with the settings and with docs/operations.md."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from kanhuo.config import from_environment

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "deploy/kanhuo.service")
    return parser["Service"]


def test_it_waits_for_the_longest_drain_and_lets_workers_drain() -> None:
    service = unit()
    with_several = from_environment({"KANHUO_BUS": "redis://r"})
    assert int(service["TimeoutStopSec"]) >= with_several.drain_seconds + 15
    assert service["KillMode"] == "mixed"
    assert service["Restart"] == "always"


def test_it_keeps_its_data_where_it_may_write() -> None:
    service = unit()
    name, _, folder = service["Environment"].partition("=")
    assert from_environment({name: folder}).data == Path("/var/lib") / service["StateDirectory"]
    assert service["StateDirectoryMode"] == "0700"


def test_the_steps_lead_to_what_the_unit_starts() -> None:
    service = unit()
    steps = OPERATIONS[OPERATIONS.index("## One process") : OPERATIONS.index("**TLS.**")]
    venv = re.findall(r"python3 -m venv (\S+)", steps)
    assert service["ExecStart"] == f"{venv[0]}/bin/kanhuo serve"
    assert f"`{service['EnvironmentFile']}`" in steps
    assert f"useradd --system --home-dir {service['Environment'].partition('=')[2]} {service['User']}`" in steps
    given = re.findall(r"^ +(KANHUO_\w+)=(\S+)", steps, re.MULTILINE)
    settings = from_environment(dict(given))
    assert (settings.public, settings.shop_origins) == ("https://call.example.com", ("https://shop.example.com",))
