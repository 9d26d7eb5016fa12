"""The first schema: models, jobs, grids and their cells, images."""
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("family", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("parameters", sa.Integer))
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("family", sa.String, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("created", sa.BigInteger, nullable=False))
    op.create_table(
        "grids",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False))
    op.create_table(
        "cells",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("grid_id", sa.String, sa.ForeignKey("grids.id"), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("column", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("nfe", sa.Integer),
        sa.Column("calls", sa.Integer),
        sa.Column("distance", sa.Float),
        sa.Column("error", sa.String),
        sa.UniqueConstraint("grid_id", "row", "column"))
    op.create_table(
        "images",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("family", sa.String, nullable=False),
        sa.Column("model_sha256", sa.String, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("prompt", sa.String, nullable=False),
        sa.Column("negative_prompt", sa.String, nullable=False),
        sa.Column("sampler", sa.String, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("guidance", sa.Float, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("nfe", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("environment", sa.JSON, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("search", sa.String, nullable=False),
        sa.Column("deleted", sa.BigInteger),
        sa.Column("missing", sa.Boolean, nullable=False),
        sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id")),
        sa.Column("cell_id", sa.String, sa.ForeignKey("cells.id")))
    op.create_index("images_newest", "images", ["deleted", "created", "id"])
    op.create_index("images_family", "images", ["deleted", "family", "created", "id"])
    op.create_index("images_sampler", "images", ["deleted", "sampler", "created", "id"])
    op.create_index("ix_images_job_id", "images", ["job_id"])
    op.create_index("ix_images_cell_id", "images", ["cell_id"])
