"""What design documents serve: views, functions, Mango. Their addresses answer; most are still to come."""
