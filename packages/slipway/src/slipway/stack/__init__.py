"""The stack of compose.yaml on one machine: service, MLflow, PostgreSQL, and by profile monitoring and a registry."""
