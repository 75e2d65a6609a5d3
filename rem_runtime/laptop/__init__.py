"""What a laptop has in place of a cluster: the embedded PostgreSQL (extra `laptop`; part of no image)."""
