"""What ``python -m calibkit`` does, behind the parser of its arguments."""
