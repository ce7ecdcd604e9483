"""From a picture to text with a trained network: segmentation, the classifier, bundles.

No part of training is imported here.
"""
