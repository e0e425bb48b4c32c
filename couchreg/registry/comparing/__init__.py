"""What changed between two versions: members, schemas, rows. Rows are compared in a child process.

Owns how rows are matched and what is told of differences. Does not own how a table is read (`checking`).
Comes in: `registry`.
"""
