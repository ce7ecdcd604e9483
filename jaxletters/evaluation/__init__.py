"""From images to logits, and from (labels, logits) to losses and metrics; the only folder that computes them.

Writing metrics to records and reports, and early stopping, belong to later folders.
"""
