"""compose.yaml, Dockerfile and kanhuo.env.example agree with each other, with the proxy's config and with the settings.

No engine runs here: that the images build and start is not proved. ``docker compose config`` is asked where it is there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kanhuo.app import check_together
from kanhuo.config import Settings, from_environment

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {f"KANHUO_{name.upper()}" for name in Settings.__dataclass_fields__}
NODES = ("node-1", "node-2")


@pytest.fixture(scope="module")
def filled() -> dict[str, str]:
    """kanhuo.env.example with what a person fills in."""
    lines = [line for line in (DEPLOY / "kanhuo.env.example").read_text().splitlines() if line and line[0] != "#"]
    given: dict[str, str] = dict(line.split("=", 1) for line in lines)
    empty = {"KANHUO_PASS_KEY", "KANHUO_PEPPER", "POSTGRES_PASSWORD"}
    assert empty == {name for name, value in given.items() if not value} - {"KANHUO_PICTURE_ORIGINS"}
    return given | dict.fromkeys(empty, "0123456789abcdef0123456789abcdef")


@pytest.fixture(scope="module")
def compose(filled: dict[str, str]) -> dict[str, Any]:
    """compose.yaml with its variables put in, as compose does it."""

    def put_in(match: re.Match[str]) -> str:
        name, _, rest = match[1].partition(":")
        if name not in filled:
            assert rest.startswith("-"), f"{name} is neither in kanhuo.env.example nor has it a default"
        return filled.get(name, rest[1:])

    text = re.sub(r"\$\{([^}]+)\}", put_in, (DEPLOY / "compose.yaml").read_text())
    assert "$" not in text
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def environment(service: dict[str, Any], filled: dict[str, str]) -> dict[str, str]:
    """What a container is given: its file first, then its own."""
    assert service["env_file"] == "kanhuo.env"
    own: dict[str, str] = service["environment"]
    return filled | own


def test_every_variable_is_one_that_kanhuo_reads(compose: dict[str, Any], filled: dict[str, str]) -> None:
    assert {name for name in filled if name.startswith("KANHUO_")} <= SETTINGS
    for name in ("migrate", *NODES):
        given = environment(compose["services"][name], filled)
        assert set(given) - SETTINGS == {"POSTGRES_PASSWORD", "FORWARDED_ALLOW_IPS"}
        assert all(isinstance(value, str) for value in given.values()), "YAML makes no numbers of them"
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"KANHUO_[A-Z_]+", dockerfile)) <= SETTINGS


def test_nodes_can_work_together_and_differ_in_nothing_but_their_names(
    compose: dict[str, Any], filled: dict[str, str]
) -> None:
    first, second = (environment(compose["services"][name], filled) for name in NODES)
    assert {name for name in first if first[name] != second[name]} == {"KANHUO_NODE"}
    settings = from_environment(first)
    check_together(settings)
    assert settings.public.startswith("https://")
    password = filled["POSTGRES_PASSWORD"]
    assert settings.database == f"postgresql://kanhuo:{password}@postgres/kanhuo"
    assert compose["services"]["postgres"]["environment"] == {
        "POSTGRES_USER": "kanhuo",
        "POSTGRES_DB": "kanhuo",
        "POSTGRES_PASSWORD": password,
    }
    assert settings.bus == "redis://redis"


def test_nodes_wait_for_the_schema_and_are_given_time_to_end(compose: dict[str, Any], filled: dict[str, str]) -> None:
    services = compose["services"]
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["command"] == ["migrate"]
    for name in NODES:
        node = services[name]
        assert node["command"] == ["serve"]
        assert node["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert {"postgres", "redis"} < set(node["depends_on"])
        drain = from_environment(environment(node, filled)).drain_seconds
        assert int(node["stop_grace_period"].rstrip("s")) >= drain + 15
        assert "/readyz" in node["healthcheck"]["test"][-1]
        assert "ports" not in node, "only the proxy is reached from outside"


def test_the_proxy_is_given_the_config_that_is_tried_and_the_nodes_that_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]
    proxy, config = services["proxy"], (DEPLOY / "haproxy.cfg").read_text()
    (source, target, mode) = proxy["volumes"][0].split(":")
    assert (DEPLOY / source).resolve() == DEPLOY / "haproxy.cfg"
    assert (target, mode) == ("/usr/local/etc/haproxy/haproxy.cfg", "ro")
    wanted = dict(re.findall(r'"\$\{(KANHUO_PROXY_\w+)-([^}]+)\}"', config))
    assert proxy["environment"] == wanted, "what the file falls back on is what compose sets"
    for n, name in enumerate(NODES, 1):
        assert wanted[f"KANHUO_PROXY_NODE_{n}"] == f"{name}:{services[name]['environment']['KANHUO_PORT']}"
    assert proxy["ports"] == [f"8080{wanted['KANHUO_PROXY_BIND']}"]
    for line in ("balance leastconn", "option httpchk GET /readyz", "option redispatch 1", "timeout http-request"):
        assert line in config
    assert not re.search(r"^\s*(cookie|stick|balance source)", config, re.MULTILINE)


def test_the_image_is_built_from_files_that_exist_and_runs_as_nobody_special(compose: dict[str, Any]) -> None:
    build = compose["services"]["node-1"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    text = (DEPLOY / "Dockerfile").read_text()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = [
        source for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for source in line.split()[:-1]
    ]
    assert set(copied) == allowed, "what is copied is let in, and nothing else"
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:3.11-slim"] * 2
    assert text.index("USER 10001") < text.index("ENTRYPOINT")
    stages = text.split("\nFROM ")
    assert "pip wheel ." in stages[1 if len(stages) > 2 else 0]
    assert "tmpfs" in compose["services"]["node-1"]
    assert compose["services"]["node-1"]["read_only"] is True


def test_no_file_names_a_registry() -> None:
    """Images are Docker's own or built here; whoever keeps a registry names it in an installation, not in the source."""
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not re.search(r"image: \S+\.\S+/|^FROM \S+\.\S+/", path.read_text(), re.MULTILINE), path


def test_compose_itself_reads_it_where_it_is_installed(filled: dict[str, str], tmp_path: Path) -> None:
    docker = shutil.which("docker")
    there = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not (docker and there):
        # Nothing to ask: what can be said without it is said above, and by YAML's own reader.
        assert yaml.safe_load((DEPLOY / "compose.yaml").read_text())["name"] == "kanhuo"
        return
    for name in ("compose.yaml", "haproxy.cfg"):
        shutil.copy(DEPLOY / name, tmp_path)
    (tmp_path / "kanhuo.env").write_text("".join(f"{name}={value}\n" for name, value in filled.items()))
    command = [docker, "compose", "--env-file", "kanhuo.env", "config", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
