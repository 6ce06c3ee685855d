"""Auditing published result tables: do the numbers follow from one another, and may the rows be compared?"""
