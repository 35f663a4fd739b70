"""Scalers: fitted on a calibration set, they map logits to calibrated logits."""
