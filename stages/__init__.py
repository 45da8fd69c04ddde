"""Orbweaver's rooms, in the order of the DAG: data, zoo, features, finetune, scores, reports."""

import os

# Before OpenMP loads: threads that wait for one another sleep. Spinning, its default, makes a computation up to thirty
# times slower as soon as another process wants one of the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
