"""Answering: one module per verb over the statements in `sql/`. Every one asks for '' and the caller's own."""
