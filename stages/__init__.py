"""Orbweaver's rooms, in the order of the DAG: data, zoo, features, finetune, scores, reports."""
