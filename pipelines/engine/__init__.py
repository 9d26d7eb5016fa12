"""One engine a device: advances many samplers at once and joins their network calls into shared batches."""
from pipelines.engine.engine import Engine
from pipelines.engine.job import EngineError, Event, Job

__all__ = ["Engine", "EngineError", "Event", "Job"]
