"""The contract: the three kinds as pydantic models, and what the operator hands to the pods that it makes.

Shared by the operator and the runtime. It must import neither of them, nor a Kubernetes client, a web framework or a
database driver.
"""
