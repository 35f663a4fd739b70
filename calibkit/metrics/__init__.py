"""Metrics. One file holds the function, the torchmetrics class and the formula of a metric."""
