"""The built-in tasks, one family of data sets a file; ``surefoot.tasks.names`` lists them."""
