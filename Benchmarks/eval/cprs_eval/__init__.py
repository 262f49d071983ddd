"""Evaluation of a running cprsd: does what is kept hold the evidence, and what do simpler methods keep at the same size?"""
