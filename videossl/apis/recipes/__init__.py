"""Recipes: named stages one after another, each a config."""
