"""What other programs call: the cost of a network."""
