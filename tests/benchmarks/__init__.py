"""The benchmarks run, and their own servers do what they imitate."""
