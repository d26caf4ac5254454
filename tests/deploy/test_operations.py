"""docs/operations.md names figures, reasons and codes that exist, and defaults that hold."""

from __future__ import annotations

import re
from pathlib import Path

from kanhuo.calls.terms import Reason
from kanhuo.config import Settings
from kanhuo.kernel.errors import Code

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()
SOURCE = (ROOT / "src/kanhuo/shell/metrics.py").read_text()


def test_figures_that_are_watched_exist() -> None:
    named = set(re.findall(r"^\| `kanhuo_(\w+?)(?:_seconds|_total)?` \|", TEXT, re.MULTILINE))
    assert len(named) >= 12
    assert [name for name in named if f'"{name}"' not in SOURCE] == []


def test_reasons_and_codes_exist() -> None:
    assert {"media_failed", "buyer_lost", "agent_lost"} <= {str(reason) for reason in Reason}
    assert {"bad_signature", "overloaded"} <= {str(code) for code in Code}
    assert all(
        f"`{word}`" in TEXT for word in ("media_failed", "buyer_lost", "agent_lost", "bad_signature", "overloaded")
    )


def test_the_table_has_every_setting_once_with_its_default() -> None:
    rows = re.findall(r"^\| `KANHUO_(\w+)` \| `?([^|`]*?)`? \|", TEXT[: TEXT.index("## One process")], re.MULTILINE)
    assert sorted(name.lower() for name, _ in rows) == sorted(Settings.__dataclass_fields__)
    for name, default in rows:
        value = getattr(Settings(), name.lower())
        if value and name not in {"PASS_KEY", "PEPPER"}:
            assert default == str(value), name
