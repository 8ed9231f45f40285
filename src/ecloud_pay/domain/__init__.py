"""The nouns of the marketplace's payments and their rules. Standard library only."""
