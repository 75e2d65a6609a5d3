"""Who calls, and what they may do. Parses credentials; knows no slice."""
