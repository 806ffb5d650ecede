"""Strategies: which points a search tries, all on the same engine."""

from surefoot.tuning.strategies.grid import Grid
from surefoot.tuning.strategies.optuna_samplers import TPE, OptunaGP
from surefoot.tuning.strategies.random_search import RandomSearch
from surefoot.tuning.strategies.strategy import Strategy
from surefoot.tuning.strategies.surefoot import Surefoot

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (Surefoot(), TPE(), OptunaGP(), RandomSearch(), Grid())
}

__all__ = ["STRATEGIES", "TPE", "Grid", "OptunaGP", "RandomSearch", "Strategy", "Surefoot"]
