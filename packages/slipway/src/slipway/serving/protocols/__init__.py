"""The protocols of other serving tools: MLflow's invocations and the Open Inference Protocol v2."""
