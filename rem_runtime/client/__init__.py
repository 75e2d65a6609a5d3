"""`rem`, the command for people: an HTTP client of a tenant's API, with no code of the server in it."""
