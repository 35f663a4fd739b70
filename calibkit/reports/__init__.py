"""Reports, each from one call, which measure a model, compare scalers or check a shift."""
