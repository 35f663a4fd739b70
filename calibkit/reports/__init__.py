"""Reports: one call that measures a model, compares scalers, or checks a shift."""
