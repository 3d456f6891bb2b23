"""What `./run` and `./test` are made of. Nothing of the product imports it."""
