"""Recipes: all that decides how a network is trained, typed and checked before time is spent."""

from tintype.recipe.read import Recipe, load_recipe, recipe_names, recipe_text

__all__ = ["Recipe", "load_recipe", "recipe_names", "recipe_text"]
