"""What to make, from what, to where: pure values, with no Django."""
