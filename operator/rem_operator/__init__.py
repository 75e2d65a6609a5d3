"""The operator of REM: brings the cluster to what RemTenant, RemAgent and DreamCycle say. Nothing is exported here."""
