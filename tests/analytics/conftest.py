"""The registry and its door, as the door's own tests have them."""

from tests.served import serve, served

__all__ = ["serve", "served"]
