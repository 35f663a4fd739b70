"""The classes that measure batch by batch. torchmetrics, their base, takes long to import."""
