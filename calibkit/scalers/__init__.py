"""Scalers, which are fitted on a calibration set and map logits to calibrated logits."""
