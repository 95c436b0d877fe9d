"""What is measured and how it is graded: datasets, graders, estimators and the embedded domain."""
