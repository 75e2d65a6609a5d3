"""A node that runs pods of known images as processes of this host; a stand-in for a kubelet, for development.

What a kubelet does and this node does not: isolation of any kind (securityContext, users, resource limits,
readOnlyRootFilesystem and mount propagation are ignored), mounts (paths are rewritten in env, command, args, probes
and hooks instead), images (see ImageTable), Services' environment variables, hostPath and persistent volumes, gRPC
probes, ephemeral containers, and the kubelet's own API (so no `kubectl logs` and `exec`: the logs are files).
Restart back-off is a tenth of a kubelet's: at once, 1 s, 2 s, … 30 s.
"""

from rem_local.node.agent import NODE_NAME, run_node
from rem_local.node.images import Image, ImageTable

__all__ = ["NODE_NAME", "Image", "ImageTable", "run_node"]
