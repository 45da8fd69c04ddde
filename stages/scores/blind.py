"""Rankings that never look at the target. They stand first in every table: a method has to beat them."""


def parameters(n_parameters: int) -> float:
    """Number of parameters of the PTM: larger is taken for better."""
    return float(n_parameters)


def source_accuracy(source_accuracy: float) -> float:
    """Accuracy of the PTM on the dataset that it was trained on."""
    return float(source_accuracy)
