"""What a directory declares, and what of it means something without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rem_runtime.laptop.declared import read_directory
from rem_runtime.laptop.errors import DeclarationError
from rem_runtime.laptop.meaning import MEANINGFUL, without_meaning

ROOT = Path(__file__).parents[4]
TENANT = """\
apiVersion: rem.dev/v1alpha1
kind: RemTenant
metadata: {name: %s}
spec:
  database: {storage: {size: 1Gi}}
"""
AGENT = """\
apiVersion: rem.dev/v1alpha1
kind: RemAgent
metadata: {name: helper}
spec:
  tenantRef: {name: %s}
  schema: {type: object, description: Help., properties: {answer: {type: string}}}
"""


def test_the_example() -> None:
    declared = read_directory(ROOT / "examples" / "acme")
    assert declared.name == "acme"
    assert [agent.metadata.name for agent in declared.agents] == ["release-notes", "meeting-brief"]
    assert [dream.metadata.name for dream in declared.dreams] == ["nightly"]
    assert without_meaning(declared.stated) == [
        "spec.database",
        "spec.secrets.storeRef",
        "spec.objectStorage",
        "spec.fileProcessor",
    ]


def test_an_empty_directory_is_a_tenant_with_defaults(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("just: notes\n---\n- a list\n---\n")
    (tmp_path / "ns.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: acme}\n")
    declared = read_directory(tmp_path)
    assert (declared.tenant, declared.name, declared.agents) == (None, "local", ())


def test_lists_and_several_documents_in_a_file(tmp_path: Path) -> None:
    items = [yaml.safe_load(TENANT % "acme"), yaml.safe_load(AGENT % "acme")]
    (tmp_path / "all.json").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    declared = read_directory(tmp_path)
    assert (declared.name, len(declared.agents)) == ("acme", 1)


def test_of_several_tenants_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join([TENANT % "one", TENANT % "two", AGENT % "one"]))
    with pytest.raises(DeclarationError, match=r"2 tenants.*--tenant one\|two"):
        read_directory(tmp_path)
    declared = read_directory(tmp_path, tenant="two")
    assert (declared.name, declared.agents) == ("two", ())
    assert declared.elsewhere == ("RemAgent helper (of tenant one)",)
    with pytest.raises(DeclarationError, match="no RemTenant three; there is one, two"):
        read_directory(tmp_path, tenant="three")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1\n", r"bad\.yaml:2: not YAML"),
        (TENANT % "acme" + "  api: {autoscaling: {minReplicas: many}}\n", r"bad\.yaml:6: spec\.api\.autoscaling"),
        (TENANT % "acme" + "---\n" + AGENT.replace("  tenantRef: {name: %s}\n", ""), r"bad\.yaml:11: spec\.tenantRef"),
        ("apiVersion: rem.dev/v1alpha1\nkind: RemTennant\n", r"bad\.yaml:1: there is no RemTennant"),
        ("apiVersion: rem.dev/v2\nkind: RemTenant\n", r"no RemTenant in rem\.dev/v2"),
        (
            TENANT % "acme" + "  fileProcesor:\n    queue: {}\n",
            r"bad\.yaml:6: spec\.fileProcesor: there is no such field; did you mean fileProcessor\?$",
        ),
        (
            TENANT.replace("database", "databse") % "acme",
            r"bad\.yaml:5: spec\.database: Field required\n.*bad\.yaml:5: spec\.databse: .* did you mean database\?$",
        ),
        (
            AGENT.replace("tenantRef", "tenant_ref") % "acme",
            r"bad\.yaml:5: spec\.tenant_ref: there is no such field; did you mean tenantRef\?$",
        ),
        (TENANT % "acme" + "zebra: 1\n", r"bad\.yaml:6: zebra: .*; the object has apiVersion, kind, metadata, spec"),
        (TENANT % "acme, lables: {a: b}", r"bad\.yaml:3: metadata\.lables: .* did you mean labels\?$"),
        (
            TENANT % "acme" + "  database: {storage: {size: 1Gi, clas: x}}\n",
            r"bad\.yaml:6: spec\.database\.storage\.clas: there is no such field; ",
        ),
        ("Resources: !Ref x\n", r"bad\.yaml:1: not YAML: could not determine a constructor for the tag '!Ref'"),
    ],
)
def test_a_fault_has_file_and_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=says):
        read_directory(tmp_path)


def test_a_pattern_is_said_as_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "dream.yaml").write_text(
        "apiVersion: rem.dev/v1alpha1\nkind: DreamCycle\nmetadata: {name: nightly}\n"
        "spec:\n  tenantRef: {name: acme}\n  schedule: every night\n"
    )
    with pytest.raises(DeclarationError) as caught:
        read_directory(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/dream.yaml:6: spec.schedule: write a cron schedule of five fields "
        "(minute hour day month weekday, Sunday is 0), such as 0 3 * * *"
    )


def test_what_a_cluster_keeps_is_no_unknown_field(tmp_path: Path) -> None:
    written = TENANT % "acme, generateName: x, annotations: {any: thing}" + "status: {}\n"
    agent = AGENT.replace("type: object,", "type: object, $comment: kept, $defs: {A: {any: 1}},", 1) % "acme"
    (tmp_path / "all.yaml").write_text(written + "---\n" + agent)
    read_directory(tmp_path)


def test_a_key_that_is_there_twice_is_said_and_the_last_one_counts(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        TENANT.replace("1Gi", "1Gi, size: 2Gi") % "acme" + "  database: {storage: {size: 3Gi}}\n"
    )
    declared = read_directory(tmp_path)
    assert declared.tenant is not None
    assert declared.tenant.spec.database.storage.size == "3Gi"
    assert declared.doubtful == (
        f"{tmp_path}/t.yaml:6: database is already in line 5; the last one counts",
        f"{tmp_path}/t.yaml:5: size is twice in this line; the last one counts",
    )


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="is not a directory"):
        read_directory(tmp_path / "missing")


def test_every_meaningful_path_exists_and_is_left_out() -> None:
    spec = {"llm": {"defaultModel": "m", "embedding": {"model": "e"}, "models": []}, "secrets": {"items": []}}
    assert sorted(MEANINGFUL) == ["llm.defaultModel", "llm.embedding", "secrets.items"]
    assert without_meaning(spec) == ["spec.llm.models"]
