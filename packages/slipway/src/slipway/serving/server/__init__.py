"""The processes of a service: the parent that supervises, the workers that answer, the port, the readiness probe."""
