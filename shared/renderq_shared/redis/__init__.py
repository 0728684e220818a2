"""Redis or Valkey: addresses, clients, errors, Lua scripts."""
