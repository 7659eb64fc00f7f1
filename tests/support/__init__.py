"""What tests, hunt, soak, benchmarks and demo share: docs/testing.md"""
