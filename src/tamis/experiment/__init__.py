"""Experiments: arms that differ in data and in nothing else, and the rule that decides between them.

declare.py   what a person writes: Experiment, Arm
plan.py      what it becomes: steps, their keys and costs; refusals that need no run
outcome.py   from the models' item results to the comparison and its sentence
record.py    the run directory: everything a reader of the result may ask for
"""

from tamis.experiment.declare import Arm, Experiment

__all__ = ["Arm", "Experiment"]
