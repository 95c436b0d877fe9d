"""The embedded domain: arithmetic chains, an exact checker, and two small trained models."""
