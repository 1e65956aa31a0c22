"""One HTML file about a run, a recipe or a study."""

from .command import write_html_report

__all__ = ['write_html_report']
