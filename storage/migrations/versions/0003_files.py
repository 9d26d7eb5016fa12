"""Pictures know size and checksum of their files."""
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("images", sa.Column("altered", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("images", sa.Column("bytes", sa.BigInteger))
    op.add_column("images", sa.Column("sha256", sa.String))
