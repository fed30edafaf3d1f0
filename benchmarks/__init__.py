"""What the project claims of speed and quality, measured: `python -m benchmarks.NAME`."""
