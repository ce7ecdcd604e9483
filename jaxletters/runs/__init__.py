"""A run's folder on disk: lock, manifest, checkpoints, records, copies, and the network read back from it.

How a run is trained belongs to `training`; what a reader sees of it, to `report`.
"""
