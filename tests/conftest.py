"""What every test may ask for: the cluster without containers (`cluster`, `namespace`, `platform`)."""

pytest_plugins = ["rem_local.testing"]
