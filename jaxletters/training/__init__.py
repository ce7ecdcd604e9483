"""The one training loop, its compiled step, and the pure functions that the step is made of.

What a run starts from and what it leaves belong to `experiments`.
"""
