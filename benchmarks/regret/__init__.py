"""Regret against cost: how good is a recommendation, and how many trainings did it take to find it?

    python -m benchmarks.regret [--development] [--quick] [--contestants a,b] [--draws N]

A dense grid says for every task what the best setting gives (``grid``). Every contestant is an anytime search
(``contestants``, ``searches``): at 0.25 to 18 trainings' worth of config-steps it says what it would recommend. The
judge (``judge``) trains each recommendation on ten fresh seeds and compares it with the grid's best.
"""
