"""Job store in memory: the reference model of the Redis store."""
