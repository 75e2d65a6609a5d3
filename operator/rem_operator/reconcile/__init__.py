"""One file per kind: gather → checks → plan → apply → status. Level-triggered, and free of kopf."""
