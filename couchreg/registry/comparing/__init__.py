"""What changed between two versions: members, schemas, rows. Rows are compared in a child process."""
