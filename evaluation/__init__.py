"""Measuring a trio: task success end to end and the paper's metrics."""
