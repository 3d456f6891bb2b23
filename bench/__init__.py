"""The benchmark: the product beside its floors and a naive peer, in one run. See `bench/run`."""
