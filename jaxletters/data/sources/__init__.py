"""Where examples come from: one module for each kind of source, and the downloads and caches behind them.

A source's settings are in `config.sources`; how bytes become arrays is in `data.formats`.
"""
