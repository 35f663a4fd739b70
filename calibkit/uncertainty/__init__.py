"""The uncertainty of metrics: bootstrap intervals, the noise floor, and a calibration test."""
