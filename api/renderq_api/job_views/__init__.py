"""Jobs as clients see them: ids, snapshots, JSON views, list pages."""
