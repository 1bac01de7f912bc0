"""Those who watch a log from outside: witness and monitor. They need nothing else of Letopis, and import nothing else."""
