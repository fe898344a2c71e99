"""Slipway: the machinery that takes a model from data to production, ignorant of any one problem."""
