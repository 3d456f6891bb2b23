"""Imports of files that people upload into a source.

`files` has the bytes, `orders` what a person orders, `claims` the worker's hold on an import,
`run` reads the rows and checks or stores them in steps.
"""
