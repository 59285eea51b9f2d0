"""The commands: one module each, and what they share.

A command's module has ``build_parser()``, a function that carries the command out, and
``main(argv)``, which puts the two together. A file of ``tools/`` and a command of
``rsn-mm`` call ``main``.
"""
