"""A Kubernetes cluster without containers: a development tool, in no image. docs/adr/0003 says why and how."""
