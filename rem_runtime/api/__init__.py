"""The HTTP API: one folder per slice; `auth/` says who calls, `problems.py` how every error looks."""
