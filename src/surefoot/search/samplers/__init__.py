"""Strategies: which points a search tries, all on the same engine."""

from surefoot.search.samplers.grid import Grid
from surefoot.search.samplers.optuna_samplers import TPE, OptunaGP
from surefoot.search.samplers.random_search import RandomSearch
from surefoot.search.samplers.strategy import Strategy
from surefoot.search.samplers.surefoot import Surefoot

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (Surefoot(), TPE(), OptunaGP(), RandomSearch(), Grid())
}

__all__ = ["STRATEGIES", "TPE", "Grid", "OptunaGP", "RandomSearch", "Strategy", "Surefoot"]
