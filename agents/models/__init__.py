"""Models that agents may call, one provider a file.

Imports no vendor's library until that vendor is chosen.
"""
