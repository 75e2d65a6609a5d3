"""Writes the CRD files: `python -m rem_crds.generate [DIRECTORY]`, from the models to crds/*.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import yaml

from .definitions import DEFINITIONS, Definition, crd_manifest

_HEADER: Final = "# Generated from crds/rem_crds/v1alpha1 by `python -m rem_crds.generate`: change the models.\n"


class _PlainDumper(yaml.SafeDumper):
    """No anchors: the inlined parts are equal, and a reader of the YAML should not have to follow references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def crd_yaml(definition: Definition) -> str:
    """Text of the committed file of one kind."""
    body = yaml.dump(crd_manifest(definition), Dumper=_PlainDumper, sort_keys=False, width=120, allow_unicode=True)
    return _HEADER + body


def write_crds(directory: Path) -> list[Path]:
    """Write every CRD into the directory and say which files they are."""
    paths = []
    for definition in DEFINITIONS:
        path = directory / definition.file_name
        path.write_text(crd_yaml(definition), encoding="utf-8")
        paths.append(path)
    return paths


def main() -> None:
    """Entry of `python -m rem_crds.generate`."""
    parser = argparse.ArgumentParser(description="Write the CRDs from their models.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path("crds"), help="where to (default: crds)")
    write_crds(parser.parse_args().directory)


if __name__ == "__main__":
    main()
