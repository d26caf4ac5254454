"""What the docs quote is what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from kanhuo.config import Settings
from kanhuo.reach.messages import ShopOver, ShopRing

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "bench/README.md"]


def test_the_page_about_passes_quotes_the_shops_back_end() -> None:
    quoted = re.findall(r"```python\n(.+?)```", (ROOT / "docs/integrate.md").read_text(), re.DOTALL)
    source = (ROOT / "src/kanhuo/demo/passes.py").read_text()
    assert len(quoted) == 1
    assert quoted[0].strip() in source


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_operations_name_every_setting() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert [name for name in Settings.__dataclass_fields__ if f"KANHUO_{name.upper()}`" not in text] == []


def test_both_readmes_show_the_same_pictures_and_commands() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"\((docs/screens/[^)]+)\)", r"^make \w+", r"`kanhuo [\w ]+`"):
        assert (
            set(re.findall(pattern, english, re.MULTILINE)) >= set(re.findall(pattern, chinese, re.MULTILINE)) > set()
        )


def test_what_back_ends_are_told_is_told_as_it_is_sent() -> None:
    """The page shows every field, and no other."""
    page = (ROOT / "docs/integrate.md").read_text()
    samples = [json.loads(sample) for sample in re.findall(r"```json\n(\{.*?\})\n```", page, re.DOTALL)]
    for sample, struct in zip(samples, (ShopRing, ShopOver), strict=True):
        assert msgspec.json.decode(json.dumps(sample), type=struct)
        assert set(sample) == {"type", *struct.__struct_fields__}
