"""Make renditions, say whether they are made, take files over, take them away."""
