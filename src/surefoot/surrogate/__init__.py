"""The one surrogate: what a loss is likely to be where nothing was tried."""
