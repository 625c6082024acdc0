"""Pictures: charts as SVG and PNG, alike in style, readable with colour blindness and by a screen reader.

Reads:  frames that a model gives.
Writes: models.pictures.
Never:  computes what it shows; reads a model's tables.
"""
