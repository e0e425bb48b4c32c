"""A registry behind its door on a free port."""

from tests.served import serve, served

__all__ = ["serve", "served"]
