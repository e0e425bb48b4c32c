"""Accounts, owners and API tokens."""
