"""Networks as pairs of pure functions, init and apply, and their parameters by path.

No other folder imports Flax. Convolutions themselves are in `ops`; training is in `training`.
"""
