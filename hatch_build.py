"""Builds the web bundle into the wheel. Node comes from PyPI, so a machine with Python alone can install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBundle(BuildHookInterface):  # type: ignore[type-arg]
    """Runs the web build before a wheel is packed; an editable install does without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the bundle, unless it was built for this tree already."""
        web = Path(self.root) / "web"
        if version == "editable" or os.environ.get("KANHUO_SKIP_WEB") or not web.is_dir():
            return
        npm = "npm"
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *arguments], cwd=web, check=True)  # noqa: S603
