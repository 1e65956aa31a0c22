"""Recipes: named stages, each a config, that run one after another."""
