"""The four workers and the chassis they run on. They exchange messages and nothing else."""
