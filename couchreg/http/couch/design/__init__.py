"""What design documents serve: views, functions, Mango."""
