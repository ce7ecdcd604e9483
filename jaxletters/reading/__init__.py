"""Reading with a trained network: the classifier, loading it from runs and bundles, pictures to text.

Writing bundles belongs to `export`. Nothing here imports training code.
"""
