"""How certain a metric is: bootstrap intervals, the noise floor, and a test of calibration."""
