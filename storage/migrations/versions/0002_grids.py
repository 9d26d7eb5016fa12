"""Grids get layers, a note, a status and a bin; cells get a layer and what was measured."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("grids", sa.Column("layers", sa.JSON, nullable=False, server_default='[""]'))
    op.add_column("grids", sa.Column("note", sa.String, nullable=False, server_default=""))
    op.add_column("grids", sa.Column("status", sa.String, nullable=False, server_default="stopped"))
    op.add_column("grids", sa.Column("deleted", sa.BigInteger))
    op.create_index("grids_newest", "grids", ["deleted", "created", "id"])
    names = {"uq": "uq_%(table_name)s_%(column_0_N_name)s"}           # the first schema left the constraint without a name
    with op.batch_alter_table("cells", naming_convention=names) as cells:
        cells.add_column(sa.Column("layer", sa.Integer, nullable=False, server_default="0"))
        cells.add_column(sa.Column("ms_per_call", sa.Float))
        cells.add_column(sa.Column("metrics", sa.JSON, nullable=False, server_default="{}"))
        cells.add_column(sa.Column("reason", sa.String))
        cells.drop_constraint("uq_cells_grid_id_row_column", type_="unique")
        cells.create_unique_constraint("cells_place", ["grid_id", "layer", "row", "column"])
    # A cell that was never begun had no row: a grid is done when as many cells are done as it has places.
    op.execute("""UPDATE grids SET status = 'done' WHERE json_array_length("rows") * json_array_length("columns") = (
                  SELECT count(*) FROM cells WHERE cells.grid_id = grids.id AND cells.status = 'done')""")
