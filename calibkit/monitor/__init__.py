"""A test of whether a model is still calibrated, which may be looked at after every label."""
