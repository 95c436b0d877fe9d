"""What an answer says: its typography, the numbers, words, lists and formulas that it can be."""
