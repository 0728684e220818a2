"""Redis or Valkey: URLs, clients, errors, Lua scripts."""
