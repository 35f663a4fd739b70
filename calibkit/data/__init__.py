"""The data sets and the network of the course: Glyphs-100, CIFAR-100 and ResNet-20.

The rest of the library does not need them. They serve the lessons, the assignments and the tests.
"""
