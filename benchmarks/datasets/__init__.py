"""Datasets: from a file of rows, here or on the Hugging Face Hub, to samples.

    dataset = load_dataset(DatasetConfig(name="math500", limit=100, shuffle_seed=0))

A fault of the file as a whole is a `DatasetError`. A row that cannot be used becomes a `BadRow` and
the rest goes on. Adding a dataset with a name is an entry in `DATASETS`.
"""

from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.counting import is_here, told_size
from benchmarks.datasets.files import DatasetError
from benchmarks.datasets.hub import can_download
from benchmarks.datasets.load import Dataset, load_dataset
from benchmarks.datasets.named import DATASETS, NamedDataset
from benchmarks.datasets.samples import BadRow, Sample, StepLabels

__all__ = [
    "DATASETS",
    "BadRow",
    "Dataset",
    "DatasetConfig",
    "DatasetError",
    "NamedDataset",
    "Sample",
    "StepLabels",
    "can_download",
    "is_here",
    "load_dataset",
    "told_size",
]
