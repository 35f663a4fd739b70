"""Metrics. One file holds the function and the formula of a metric; its class is in streamed."""
