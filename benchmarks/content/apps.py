from django.apps import AppConfig


class BenchmarkContentConfig(AppConfig):
    name = "benchmarks.content"
    label = "benchmark_content"
