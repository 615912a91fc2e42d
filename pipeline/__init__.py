"""The model side: jobs that generate data, tune and measure. It holds no GitHub credential and no database."""
