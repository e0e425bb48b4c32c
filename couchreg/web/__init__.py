"""Pages for people. Still to come."""
