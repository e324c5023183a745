"""Renderers: one file for each format that the report is shown in. They add no facts to it."""
