"""Proves by Metrika's logs which visit each sent row was linked to; finds rows that are not ours.

The rows of `LogRequest` are the queue: `days` plans them, `orders` takes those of people, `run`
moves each by one step at a time, and `matching` compares what was read with what was sent.
"""
