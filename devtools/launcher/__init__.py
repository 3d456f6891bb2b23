"""The implementation of `./run` and `./test`. The product does not import it."""
