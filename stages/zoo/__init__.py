"""Room 2, zoo: every PTM as safetensors with a card that says what it is and what it was trained on."""
