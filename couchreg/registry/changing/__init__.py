"""What owners and admins change of what is published: owners, tags, deprecations, deletions."""
