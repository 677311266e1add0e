"""Vectors, working memory and recall."""
