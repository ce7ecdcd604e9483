"""Networks, each as two pure functions, init and apply.

Nothing outside this folder imports Flax.
"""
