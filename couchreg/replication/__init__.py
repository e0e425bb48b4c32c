"""Replication from and to other servers. Still to come."""
