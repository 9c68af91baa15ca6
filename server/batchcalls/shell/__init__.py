"""What the command lines of this project do alike: their streams, documents and endings.

It knows no command, and no library for commands.
"""
