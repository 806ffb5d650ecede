"""What every room shares: errors, files, budgets, formatting, statistics, progress and findings."""
