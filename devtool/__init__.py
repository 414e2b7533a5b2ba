"""What is behind ./dev: the local cloud, the deploy to it, its event pump. Lambda never carries this."""
