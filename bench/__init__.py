"""What is behind `./dev bench`: ours, an honest peer and the physical limit, in one run. Lambda never carries this."""
