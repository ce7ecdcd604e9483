"""The training loop, its compiled step, and the pure functions that the step consists of.

Choosing initial weights and writing results belong to `experiments`.
"""
