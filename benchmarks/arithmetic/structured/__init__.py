"""The embedded domain as multiple choice, and its stand-ins that reason in tagged sections."""
