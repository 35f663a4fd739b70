"""The data sets and the network of the course: Glyphs-100, CIFAR-100 and ResNet-20.

The library itself does not need them. Only the lessons, the assignments and the tests import
these modules.
"""
