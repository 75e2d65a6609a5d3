"""Which programs of this working copy stand for the project's container images on the node."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from rem_local.node.images import Image, ImageTable

RUNTIME_IMAGE = "ghcr.io/rem-dev/rem-runtime"
OPERATOR_IMAGE = "ghcr.io/rem-dev/rem-operator"


def project_images() -> ImageTable:
    """The runtime's and the operator's image, any tag: the console scripts beside this interpreter."""
    scripts = Path(sysconfig.get_path("scripts"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = {"PATH": os.pathsep.join((str(scripts), os.defpath))}
    return ImageTable(
        {
            # The real image carries the embedder and names its place in the same variable.
            RUNTIME_IMAGE: Image(
                (str(scripts / "rem-runtime"),), {**path, "EMBEDDING__DIRECTORY": str(cache / "rem" / "embedder")}
            ),
            OPERATOR_IMAGE: Image((str(scripts / "rem-operator"),), path, cmd=("run",)),
        }
    )
