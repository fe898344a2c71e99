"""Fit, export, certify and seal a model. Needs scikit-learn and skl2onnx, which the serving image lacks."""
