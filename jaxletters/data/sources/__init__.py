"""Where examples come from: one module for each kind of source, and the downloads and caches behind them.

The settings of sources are in `config.sources` and `config.builtin_sources`; how bytes become arrays is in
`data.formats`.
"""
