"""Every figure that the README quotes, as a command: `make bench`, or `python -m benchmarks NAME…`.

Each file measures one thing on the real programs over a real NATS server, and yields `Figure`s; `__main__` prints them
as a table beside their budgets and writes them as JSON with the facts of the machine. Nothing here is a test: a budget
that is missed is printed as missed.
"""
