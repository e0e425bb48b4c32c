"""Design documents: what they must look like before they are stored."""
