"""What is published, for readers: descriptors, files, lists, search, linked data, counts."""
