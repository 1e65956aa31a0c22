"""Run the stages of a recipe: ``python tools/run_recipe.py RECIPE [--data-root FOLDER] ...``; ``--help`` lists the arguments."""

from videossl.apis.recipes.command import command

if __name__ == '__main__':
    command()
