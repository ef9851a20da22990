"""Record stores: one module each, all proven by the contract in `renditions.testing`."""
