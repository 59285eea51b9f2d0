"""The commands: one module each, and what they share.

A command's module has ``build_parser()``, a function that carries the command out, and
``main(argv)``, which puts the two together. ``tools/NAME.py`` and ``rsn-mm NAME`` call ``main``.
"""
