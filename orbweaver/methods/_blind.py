"""Rankings that never look at the target. They stand first in every table: a method has to beat them."""


def parameters(n_parameters: int) -> float:
    """Number of parameters of the PTM (a count, all of its weights): larger is taken for better."""
    return float(n_parameters)


def source_accuracy(source_accuracy: float) -> float:
    """Accuracy of the PTM, 0 to 1, on the test split of the dataset that it was trained on."""
    return float(source_accuracy)
