"""Room 4, finetune: the truth. What each PTM reaches on each target when it is fine-tuned end to end."""
