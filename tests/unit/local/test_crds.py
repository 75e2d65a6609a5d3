"""The neighbours' CRDs: pinned, complete, cached, and an error that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from rem_local import crds, downloads, go_build
from rem_local.cluster import LocalCluster
from rem_local.crds import GROUP_NAMES, GROUPS, CrdsError, checksums, install_crds, load_crds
from rem_local.kube import CRDS
from rem_local.progress import Progress


def test_every_file_has_a_checksum_and_every_checksum_a_file() -> None:
    assert set(checksums()) == {f"{group.name}/{file}" for group in GROUPS for file in group.files}


def test_versions_are_those_of_go_mod() -> None:
    assert {group.name: group.version for group in GROUPS} == {
        "cnpg": "v1.30.0",
        "keda": "v2.20.2",
        "external-secrets": "v0.20.4",
        "gateway-api": "v1.6.3",
        "prometheus-operator": "v0.93.1",
    }


async def test_an_unknown_group_is_named() -> None:
    with pytest.raises(CrdsError, match="no CRD group 'istio'; there are cnpg, keda"):
        await load_crds(["istio"], Progress.silent())


async def test_without_any_way_the_error_names_the_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(url: str) -> bytes:
        raise downloads.DownloadError(f"cannot download {url}: no route")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(downloads, "fetch", unreachable)
    with pytest.raises(CrdsError) as caught:
        await load_crds(["keda"], Progress.silent())
    assert "there is no `go`" in str(caught.value)
    assert "raw.githubusercontent.com/kedacore/keda/v2.20.2/config/crd/bases/keda.sh_" in str(caught.value)
    assert "install Go" in str(caught.value)


async def test_without_go_they_are_downloaded_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = next(group for group in GROUPS if group.name == "keda")
    try:
        directory = (await go_build.download_modules([f"{group.module}@{group.version}"]))[group.module]
    except go_build.GoError as error:
        pytest.skip(str(error))
    files = crds._read(group, directory)

    async def served(url: str) -> bytes:
        return files[url.rsplit("/", 1)[1]]

    monkeypatch.setattr(downloads, "fetch", served)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "good"))
    loaded = await load_crds(["keda"], Progress.silent())
    assert {crd["spec"]["names"]["plural"] for crd in loaded} == set(group.plurals)

    files[group.files[0]] += b"# changed\n"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "bad"))
    with pytest.raises(CrdsError, match=r"is not what crds\.sha256 says"):
        await load_crds(["keda"], Progress.silent())


@pytest.mark.cluster
async def test_all_groups_are_served_and_installing_again_is_harmless(cluster: LocalCluster) -> None:
    wanted = await load_crds(GROUP_NAMES, Progress.silent())
    await install_crds(cluster.kube, wanted[:2])
    there = {crd["metadata"]["name"] for crd in await cluster.kube.list(CRDS)}
    assert {crd["metadata"]["name"] for crd in wanted} <= there
    assert {"clusters.postgresql.cnpg.io", "scaledobjects.keda.sh", "externalsecrets.external-secrets.io"} <= there
    assert "remtenants.rem.dev" in there
