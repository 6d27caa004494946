"""Measuring a trio: the paper's metrics, accepted calls, task success end to end; reports and comparisons."""
