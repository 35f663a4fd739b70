"""Metrics: the function, the torchmetrics class and the formula of one metric stand in one file."""
