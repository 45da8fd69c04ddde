"""Numbers as cells of a table; `-` where there is none."""

import numpy as np
import pandas as pd


def number(value: float, digits: int = 3) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.2f}"


def span(low: float, high: float) -> str:
    """The two ends of an interval."""
    return "-" if np.isnan(low) else f"{low:+.2f} .. {high:+.2f}"


def passes(value: float) -> str:
    """A count that may be large."""
    return "-" if np.isnan(value) else f"{value:,.0f}"


def gain_cell(line: pd.Series) -> str:
    """A gain over the prior, with a `^` where its interval is above 0."""
    return signed(line["gain"]) + ("^" if line["gain_low"] > 0 else " ")
