"""Throughput, latency and memory of whole servers: ``make bench`` (docs/benchmarks.md)."""
