"""Plots of calibration: reliability diagrams, curves, and a slider for the temperature."""
