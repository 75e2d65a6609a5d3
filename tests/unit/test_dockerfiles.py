"""The two Dockerfiles, read: no engine builds them here, so what matters is held by rule.

They install from the lock, one extra each, wheels only; nothing that builds reaches the last stage, which runs as a
number.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("operator", "runtime")


def stages(image: str) -> list[list[str]]:
    """The instructions of each stage, continuation lines joined; what stands before the first FROM is stage 0."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / f"Dockerfile.{image}").read_text())
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("FROM "):
            found.append([])
        if line and not line.startswith("#"):
            found[-1].append(line)
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_everything_is_installed_from_the_lock(image: str) -> None:
    runs = [line for stage in stages(image) for line in stage if line.startswith("RUN")]
    installs = [line for line in runs if re.search(r"\b(uv|pip|apt-get)\b(?!/)", line.split("/uv ")[-1])]
    assert installs
    for line in installs:
        assert "uv sync --locked --no-default-groups" in line, line
        assert re.findall(r"--extra (\S+)", line) == [image], line
        assert "--no-build" in line or "--no-editable" in line, line
    assert not any(re.search(r"pip install|apt-get|curl|wget", line) for line in runs)


@pytest.mark.parametrize("image", IMAGES)
def test_the_last_stage_only_copies(image: str) -> None:
    last = stages(image)[-1]
    assert last[0] == "FROM ${PYTHON_IMAGE}"
    assert not any(line.startswith(("RUN", "ADD")) for line in last)
    assert {line for line in last if line.startswith("COPY") and "/opt/rem" in line} == {
        "COPY --from=build /opt/rem /opt/rem"
    }
    assert "USER 65532:65532" in last
    assert f'ENTRYPOINT ["rem-{image}"]' in last
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in " ".join(last)


@pytest.mark.parametrize("image", IMAGES)
def test_the_base_is_an_argument_and_the_tests_python(image: str) -> None:
    arguments = dict(line.removeprefix("ARG ").split("=", 1) for line in stages(image)[0] if line.startswith("ARG"))
    assert re.search(r"python:3\.11-slim", arguments["PYTHON_IMAGE"])
    assert all(
        line.split()[1] in {"${PYTHON_IMAGE}", "${UV_IMAGE}", "build"} for s in stages(image)[1:] for line in s[:1]
    )


def test_the_runtime_carries_the_converted_embedder_and_not_what_converts() -> None:
    *_, embedder, last = stages("runtime")
    assert any("--group embedder" in line for line in embedder)
    assert any("-m rem_runtime.memory.embedding.convert /opt/embedder" in line for line in embedder)
    assert "COPY --from=embedder /opt/embedder /opt/embedder" in last
    assert any("EMBEDDING__DIRECTORY=/opt/embedder" in line for line in last)
    assert [line for line in last if "--from=embedder" in line] == ["COPY --from=embedder /opt/embedder /opt/embedder"]


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_copied_from_the_tree_exists_and_is_let_through(image: str) -> None:
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    for line in (line for stage in stages(image) for line in stage):
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert any(source == path or source.startswith(path + "/") for path in let_through), source


def test_the_commands_exist() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {"rem", "rem-runtime", "rem-operator"} <= set(scripts)
