"""Accounts, owners and API tokens, as the registry door has them.

Owns how they are asked for and shown. Does not own accounts (`auth`) or who owns what (`registry/changing`).
Comes in: `routes`, and `pages`, for the account of who looks.
"""
