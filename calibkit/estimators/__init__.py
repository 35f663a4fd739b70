"""The door from scikit-learn: a classifier that calibrates another one, and a display."""
