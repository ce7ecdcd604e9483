"""Reads the examples of each kind of dataset; finds, downloads and caches the files behind them.

The settings of sources are in `config.sources` and `config.builtin_sources`; how bytes become arrays is in
`data.formats`.
"""
