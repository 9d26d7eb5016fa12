"""Pictures know all that was asked, as their files tell it."""
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("images", sa.Column("request", sa.JSON))
