"""From images to logits, and from (labels, logits) to figures: losses, metrics, analysis.

What is done with the figures (records, reports, early stopping) belongs to the folders below.
"""
