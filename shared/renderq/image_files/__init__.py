"""What images carry besides what they show. Needs the extra `inspect`: import it only where that is wanted."""
