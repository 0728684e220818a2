"""Environment of Alembic: migrations run on the connection that `migration.migrate` passes, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
