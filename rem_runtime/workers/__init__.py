"""Processes that work off the request path; one folder each."""
