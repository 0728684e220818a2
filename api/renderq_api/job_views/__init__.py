"""Jobs as clients see them: ids, views, pages."""
